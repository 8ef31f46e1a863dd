/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, by numbered steps: a file of version N has had the first N. A step that was released is never
 * changed; what changes is a step behind it. docs/store.md says what the columns mean.
 */
#include "base/attr.h"
#include "base/mem.h"
#include "store/sql.h"

static const char *const steps[] = {
	/* 1: runs and findings */
	"CREATE TABLE clusters ("
	"  id INTEGER PRIMARY KEY,"
	"  uid TEXT UNIQUE,"
	"  address TEXT NOT NULL,"
	"  server TEXT NOT NULL"
	");"
	"CREATE INDEX clusters_address ON clusters (address);"
	"CREATE TABLE sources ("
	"  id INTEGER PRIMARY KEY,"
	"  cluster INTEGER REFERENCES clusters (id),"
	"  files TEXT,"
	"  namespace TEXT NOT NULL,"
	"  selector TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  CHECK ((cluster IS NULL) <> (files IS NULL))"
	");"
	"CREATE UNIQUE INDEX sources_key ON sources (ifnull(cluster, 0), ifnull(files, ''), namespace, selector);"
	"CREATE TABLE runs ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  source INTEGER NOT NULL REFERENCES sources (id),"
	"  started_at INTEGER NOT NULL,"
	"  duration_ms INTEGER NOT NULL,"
	"  version TEXT NOT NULL,"
	"  complete INTEGER NOT NULL,"
	"  agents INTEGER NOT NULL,"
	"  companions INTEGER NOT NULL,"
	"  unguarded INTEGER NOT NULL,"
	"  legacy INTEGER NOT NULL,"
	"  migrating INTEGER NOT NULL,"
	"  migrated INTEGER NOT NULL,"
	"  verified INTEGER NOT NULL,"
	"  critical INTEGER NOT NULL,"
	"  high INTEGER NOT NULL,"
	"  medium INTEGER NOT NULL,"
	"  low INTEGER NOT NULL,"
	"  info INTEGER NOT NULL,"
	"  suppressed INTEGER NOT NULL,"
	"  new INTEGER NOT NULL,"
	"  fixed INTEGER NOT NULL,"
	"  unjudged TEXT NOT NULL"
	");"
	"CREATE INDEX runs_source ON runs (source, id);"
	"CREATE TABLE findings ("
	"  id INTEGER PRIMARY KEY,"
	"  source INTEGER NOT NULL REFERENCES sources (id),"
	"  fingerprint TEXT NOT NULL,"
	"  rule TEXT NOT NULL,"
	"  namespace TEXT NOT NULL,"
	"  agent TEXT,"
	"  kind TEXT NOT NULL,"
	"  object TEXT NOT NULL,"
	"  container TEXT,"
	"  first_run INTEGER NOT NULL,"
	"  first_at INTEGER NOT NULL,"
	"  last_run INTEGER,"
	"  UNIQUE (source, fingerprint)"
	");"
	"CREATE TABLE spans ("
	"  id INTEGER PRIMARY KEY,"
	"  finding INTEGER NOT NULL REFERENCES findings (id),"
	"  source INTEGER NOT NULL REFERENCES sources (id),"
	"  first_run INTEGER NOT NULL,"
	"  last_run INTEGER,"
	"  severity INTEGER NOT NULL,"
	"  suppressed TEXT,"
	"  message TEXT NOT NULL,"
	"  evidence TEXT"
	");"
	"CREATE INDEX spans_finding ON spans (finding);"
	"CREATE INDEX spans_source ON spans (source, last_run, first_run);",

	/*
	 * 2: probes, actions, sightings, the checklist; which object a finding was about.
	 * The newest probes of a cluster are read in one go, at every start of moat: they lie together, in the order in
	 * which they are wanted.
	 */
	"ALTER TABLE findings ADD COLUMN uid TEXT;"
	"ALTER TABLE findings ADD COLUMN generation INTEGER;"
	"CREATE TABLE probes ("
	"  cluster INTEGER NOT NULL REFERENCES clusters (id),"
	"  ended INTEGER NOT NULL,"
	"  namespace TEXT NOT NULL,"
	"  agent TEXT NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  node TEXT NOT NULL,"
	"  probe INTEGER NOT NULL,"
	"  nr INTEGER NOT NULL,"
	"  container TEXT NOT NULL,"
	"  target TEXT NOT NULL,"
	"  verdict INTEGER NOT NULL,"
	"  control INTEGER NOT NULL,"
	"  method TEXT NOT NULL,"
	"  count INTEGER NOT NULL,"
	"  first_at INTEGER NOT NULL,"
	"  last_at INTEGER NOT NULL,"
	"  pod TEXT NOT NULL,"
	"  detail TEXT NOT NULL,"
	"  duration_ms INTEGER NOT NULL,"
	"  against TEXT NOT NULL,"
	"  PRIMARY KEY (cluster, ended, namespace, agent, kind, node, probe, nr)"
	") WITHOUT ROWID;"
	"CREATE TABLE actions ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  cluster INTEGER NOT NULL REFERENCES clusters (id),"
	"  at INTEGER NOT NULL,"
	"  duration_ms INTEGER,"
	"  who TEXT NOT NULL,"
	"  what TEXT NOT NULL,"
	"  namespace TEXT NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  outcome TEXT NOT NULL,"
	"  detail TEXT NOT NULL"
	");"
	"CREATE TABLE sightings ("
	"  id INTEGER PRIMARY KEY,"
	"  cluster INTEGER NOT NULL REFERENCES clusters (id),"
	"  namespace TEXT NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  workload TEXT NOT NULL,"
	"  pod TEXT NOT NULL,"
	"  pod_uid TEXT NOT NULL,"
	"  container TEXT NOT NULL,"
	"  started_at INTEGER NOT NULL,"
	"  loaded_hash TEXT,"
	"  loaded_at INTEGER,"
	"  log_error TEXT,"
	"  reload INTEGER NOT NULL,"
	"  reload_detail TEXT,"
	"  file_hash TEXT,"
	"  file_error TEXT,"
	"  count INTEGER NOT NULL,"
	"  first_at INTEGER NOT NULL,"
	"  last_at INTEGER NOT NULL"
	");"
	"CREATE INDEX sightings_key ON sightings (cluster, namespace, workload, kind, pod, container, id);"
	"CREATE TABLE checklist ("
	"  cluster INTEGER NOT NULL REFERENCES clusters (id),"
	"  namespace TEXT NOT NULL,"
	"  agent TEXT NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  step TEXT NOT NULL,"
	"  state INTEGER NOT NULL,"
	"  who TEXT NOT NULL,"
	"  at INTEGER NOT NULL,"
	"  note TEXT NOT NULL,"
	"  PRIMARY KEY (cluster, namespace, agent, kind, step)"
	") WITHOUT ROWID;",
};

const int schema_version = COUNT_OF(steps);

static bool
run_steps(struct db *d, struct err *e)
{
	AUTO(free) char *done = mem_printf("PRAGMA application_id = %d; PRAGMA user_version = %d",
					   SCHEMA_APPLICATION, schema_version);
	int64_t version;

	/* Inside the transaction: another process may have been faster. */
	if (!sql_ask(d, &version, e, "PRAGMA user_version", ""))
		return false;
	for (size_t i = (size_t)version; i < COUNT_OF(steps); i++)
		if (!sql_exec(d, steps[i], e))
			return false;
	return version >= schema_version || sql_exec(d, done, e);
}

bool
schema_migrate(struct db *d, struct err *e)
{
	if (!sql_begin(d, e))
		return false;
	if (run_steps(d, e))
		return sql_commit(d, e);
	sql_rollback(d);
	return false;
}
