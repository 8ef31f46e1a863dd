// SPDX-License-Identifier: Apache-2.0
// The same by node, however old. process.argv[1]: this source, then the arguments as in probe.py.
var dns = require("dns"), net = require("net"), spawn = require("child_process").spawn;
var source = process.argv[1], args = process.argv.slice(2);
var kind = args[0], host = args[1], port = args[2], chost = args[3], cport = args[4];
var phost = args[5], pport = args[6], limit = args[7] * 1000;
function say(key, word) { console.log("moat-probe " + key + "=" + word); }
function bracket(h) { return h.indexOf(":") < 0 ? h : "[" + h + "]"; }
// done(word, socket), once; at: how far it is.
function dial(h, p, at, done) {
	at("unresolved");
	dns.lookup(h, {all: true}, function (e, found) {
		if (e) return done("unresolved");
		at("timeout");
		var waiting = found.length;
		found.forEach(function (a) {
			var s = net.connect({host: a.address, port: +p});
			s.on("connect", function () { done("connected", s); });
			s.on("error", function (e) { if (!--waiting) done("failed " + (e.code || e.message)); });
		});
	});
}
function attempt(at, done) {
	if (kind === "raw" || kind === "client") return dial(host, port, at, done);
	var env = {}, proxy = "http://" + bracket(phost) + ":" + pport, out = "", key;
	if (kind === "no-proxy") {
		for (key in process.env) env[key] = process.env[key];
		["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].forEach(function (k) { env[k] = proxy; });
		env.NO_PROXY = env.no_proxy = host;
	}
	at("failed the client did not end");
	var command = ["-e", "eval(process.argv[1])", "--", source, "client"].concat(args.slice(1));
	var child = spawn(process.execPath, command, {env: env});
	process.on("exit", function () { child.kill("SIGKILL"); });
	child.stdout.on("data", function (d) { out += d; });
	child.on("error", function (e) { done("failed to start the client: " + e.message); });
	child.on("close", function () {
		var m = /moat-probe attempt=(.*)/.exec(out);
		done(m ? m[1] : "failed the client said nothing");
	});
}
function control(at, done) {
	if (phost === "-") return done("none");
	dial(phost, pport, at, function (word, s) {
		if (!s) return done(word);
		var line = "", to = bracket(chost) + ":" + cport;
		at("silent");
		function end() { var m = /^HTTP\/1\.\d ([1-9]\d\d)\b/.exec(line); done(m ? m[1] : "garbled"); }
		s.on("data", function (d) { line += d; if (line.indexOf("\n") >= 0 || line.length > 200) end(); });
		s.on("end", end);
		s.on("error", end);
		s.write("CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n\r\n");
	});
}
// A client has a limit of its own; what it takes to start is on top.
function run(key, work, ms) {
	var word = "timeout", over = false;
	function done(w) {
		if (over) return;
		over = true;
		say(key, w);
		if (!--left) process.exit();
	}
	work(function (w) { word = w; }, done);
	setTimeout(function () { done(word); }, ms);
}
var left = kind === "client" ? 1 : 2;
if (kind !== "client") say("method", "node");
if (kind !== "look") run("attempt", attempt, kind === "raw" || kind === "client" ? limit : limit + 4000);
if (kind !== "look" && kind !== "client") run("control", control, limit);
