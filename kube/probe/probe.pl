# SPDX-License-Identifier: Apache-2.0
# The same by perl and what its smallest installation has. $ARGV[0]: this source, then the arguments as in probe.py.
use strict;
use Errno qw(EINPROGRESS);
use IO::Handle;
use Socket qw(:DEFAULT getaddrinfo SO_ERROR SOL_SOCKET);
$| = 1;
my ($source, $kind, $host, $port, $chost, $cport, $phost, $pport, $limit) = @ARGV;
my $until = time + $limit + 1;
sub bracket { my $h = shift; return $h =~ /:/ ? "[$h]" : $h }
sub left { my $s = $until - time; return $s > 0 ? $s : 0 }
# A socket; else prints why not. What it prints is "at WORD" (how far it is) and "is WORD" (the end).
sub dial {
	my ($h, $p) = @_;
	print "at unresolved\n";
	my ($e, @found) = getaddrinfo($h, $p, {socktype => SOCK_STREAM});
	if ($e) { print "is unresolved\n"; return }
	print "at timeout\n";
	my ($problem, @waiting) = ("");
	for my $a (@found) {
		my $s;
		socket($s, $a->{family}, SOCK_STREAM, 0) or $problem = "$!", next;
		$s->blocking(0);
		if (connect($s, $a->{addr}) || $! == EINPROGRESS) { push @waiting, $s }
		else { $problem = "$!" }
	}
	while (@waiting) {
		my $bits = "";
		vec($bits, fileno($_), 1) = 1 for @waiting;
		select(undef, $bits, undef, left()) > 0 or print("is timeout\n"), return;
		my @rest;
		for my $s (@waiting) {
			if (!vec($bits, fileno($s), 1)) { push @rest, $s; next }
			$! = unpack("i", getsockopt($s, SOL_SOCKET, SO_ERROR));
			if (!$!) { $s->blocking(1); return $s }
			$problem = "$!";
		}
		@waiting = @rest;
	}
	print "is failed connect: $problem\n";
	return;
}
sub attempt {
	if ($kind eq "raw" || $kind eq "client") {
		print "is connected\n" if dial($host, $port);
		return;
	}
	my $proxy = "http://" . bracket($phost) . ":$pport";
	if ($kind eq "no-proxy") {
		$ENV{$_} = $ENV{lc $_} = $proxy for qw(HTTP_PROXY HTTPS_PROXY);
		$ENV{NO_PROXY} = $ENV{no_proxy} = $host;
	} else {
		%ENV = ();
	}
	exec $^X, "-e", "eval \$ARGV[0]; die \$@ if \$@", "--", $source, "client", @ARGV[2 .. 8];
	print "is failed to start the client: $!\n";
}
sub control {
	if ($phost eq "-") { print "is none\n"; return }
	my $s = dial($phost, $pport) or return;
	print "at silent\n";
	my $to = bracket($chost) . ":$cport";
	syswrite $s, "CONNECT $to HTTP/1.1\r\nHost: $to\r\n\r\n";
	my $line = "";
	while ($line !~ /\n/ && length($line) < 200) { sysread($s, $line, 200, length $line) or last }
	print $line =~ m{^HTTP/1\.\d ([1-9]\d\d)\b} ? "is $1\n" : "is garbled\n";
}
if ($kind eq "client") { attempt(); exit }
print "moat-probe method=perl\n";
exit if $kind eq "look";
my %side;
for my $key (qw(attempt control)) {
	my $pid = open(my $from, "-|");
	if (!defined $pid) { print "moat-probe $key=failed $!\n"; next }
	if (!$pid) { $key eq "attempt" ? attempt() : control(); exit }
	$side{$key} = {pid => $pid, from => $from, got => ""};
}
while (my @open = grep { $side{$_}{from} } keys %side) {
	my $bits = "";
	vec($bits, fileno($side{$_}{from}), 1) = 1 for @open;
	select($bits, undef, undef, left() + 0.2) > 0 or last;
	for (@open) {
		next if !vec($bits, fileno($side{$_}{from}), 1);
		sysread($side{$_}{from}, $side{$_}{got}, 999, length $side{$_}{got}) or delete $side{$_}{from};
	}
}
for my $key (keys %side) {
	my $s = $side{$key};
	my $said = $s->{got} =~ /^(?!at )(.+)/m ? $1 : "it ended without a word";
	my $at = $s->{from} && $s->{got} =~ /.*^at (\w+)/ms ? $1 : "failed $said";
	my $word = $s->{got} =~ /^is (.*)/m ? $1 : $at;
	print "moat-probe $key=$word\n";
	kill "KILL", $s->{pid} if $s->{from};
	waitpid $s->{pid}, 0;
}
