# SPDX-License-Identifier: Apache-2.0
# One attempt and its control by python3, any 3.4 or later, with nothing but its own library.
# sys.argv: -c, this source, kind, host, port, control's host and port, companion's host and port, seconds.
# What is printed, and what the kinds are: kube/probe_method.h. The lines of comment are not sent.
import errno, os, select, socket, subprocess, sys, threading, time
source, kind, host, port, chost, cport, phost, pport, limit = sys.argv[1:10]
until = time.time() + float(limit)
boot = "import sys;exec(sys.argv[1])"
def say(key, word):
	os.write(1, ("moat-probe %s=%s\n" % (key, word)).encode())
def name(e):
	return "failed " + errno.errorcode.get(e.errno, str(e)) if isinstance(e, OSError) and e.errno else "failed %s" % e
def bracket(h):
	return "[" + h + "]" if ":" in h else h
def dial(h, p, state):
	state[0] = "unresolved"
	try:
		found = socket.getaddrinfo(h, int(p), 0, socket.SOCK_STREAM)[:8]
	except socket.gaierror:
		return None
	state[0] = "timeout"
	waiting, problem = [], None
	for family, type, protocol, _, address in found:
		try:
			s = socket.socket(family, type, protocol)
			s.setblocking(False)
			e = s.connect_ex(address)
			if e in (0, errno.EINPROGRESS):
				waiting.append(s)
			else:
				problem = OSError(e, "")
		except OSError as e:
			problem = e
	while waiting:
		ready = select.select([], waiting, [], max(0, until - time.time()))[1]
		if not ready:
			return None
		for s in ready:
			e = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
			if not e:
				return s
			problem = OSError(e, "")
			waiting.remove(s)
	raise problem
def client():
	import urllib.request
	state = [""]
	def create(address, *args, **more):
		if address[0] != host or int(address[1]) != int(port):
			state[0] = "proxied"
		elif dial(host, port, state):
			state[0] = "connected"
		print(state[0], flush=True)
		os._exit(0)
	socket.create_connection = create
	try:
		urllib.request.urlopen("http://%s:%s/" % (bracket(host), port), timeout=float(limit))
	except urllib.error.URLError as e:
		print(name(e.reason))
	except OSError as e:
		print(name(e))
def attempt(state):
	if kind == "raw":
		if dial(host, port, state):
			state[0] = "connected"
		return
	env = {}
	if kind == "no-proxy":
		proxy = "http://%s:%s" % (bracket(phost), pport) if phost != "-" else "http://127.0.0.1:9"
		env = dict(os.environ)
		for key in ("HTTP_PROXY", "HTTPS_PROXY"):
			env[key] = env[key.lower()] = proxy
		env["NO_PROXY"] = env["no_proxy"] = host + "," + bracket(host)
	command = [sys.executable, "-I", "-S", "-B", "-c", boot, source, "client"] + sys.argv[3:10]
	state[0] = "failed the client did not end"
	try:
		child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
			stderr=subprocess.STDOUT)
	except OSError as e:
		state[0] = "failed to start the client: %s" % e.strerror
		return
	children.append(child)
	said = child.communicate()[0].decode("ascii", "replace").strip().split("\n")[-1]
	known = said in ("connected", "proxied", "timeout", "unresolved") or said.startswith("failed ")
	state[0] = said if known else "failed " + said
def control(state):
	if phost == "-":
		state[0] = "none"
		return
	s = dial(phost, pport, state)
	if not s:
		return
	state[0] = "silent"
	s.settimeout(max(0.1, until - time.time()))
	to = "%s:%s" % (bracket(chost), cport)
	s.sendall(("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (to, to)).encode())
	line = b""
	while b"\n" not in line and len(line) < 200:
		some = s.recv(200)
		if not some:
			break
		line += some
	words = line.split(b"\n")[0].split()
	good = len(words) > 1 and words[0].startswith(b"HTTP/1.") and len(words[1]) == 3 and words[1].isdigit()
	state[0] = words[1].decode() if good else "garbled"
def run(work, state):
	try:
		work(state)
	except socket.timeout:
		pass
	except Exception as e:
		state[0] = name(e)
children = []
if kind == "client":
	client()
elif kind == "look":
	say("method", "python3")
else:
	say("method", "python3")
	states, threads = {"attempt": [""], "control": [""]}, []
	for key, work in (("attempt", attempt), ("control", control)):
		thread = threading.Thread(target=run, args=(work, states[key]))
		thread.daemon = True
		thread.start()
		threads.append(thread)
	# A client has a limit of its own; what it takes to start is on top.
	for thread, spare in zip(threads, (0 if kind == "raw" else 4, 0)):
		thread.join(max(0, until + spare + 0.2 - time.time()))
	for key in ("attempt", "control"):
		say(key, states[key][0])
	for child in children:
		if child.poll() is None:
			child.kill()
			child.wait()
	os._exit(0)
