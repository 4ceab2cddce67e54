// Package platform is a small serverless platform in one background process: a gateway per service and
// stage, a pool of processes per live revision, their logs. It knows nothing of manifests or providers.
//
// One home folder is one platform. Below it:
//
//	platform/endpoint.json    where the running process listens, and its token (0600)
//	platform/run.lock         held by the running process for its life
//	platform/start.lock       held by a client while it starts one
//	platform/bin/<digest>/    the copy of the executable that the process runs from
//	platform/platform.log     what the process itself wrote
//	platform/instances/       one file per instance, so that a later process can end what a killed one left
//	platform/tmp/             HOME and TMPDIR of the instances
//	platform/staging/         revisions that are being unpacked
//	secrets/<service>/<stage>/<name>                        a secret's value and a newline (0600), read when an instance starts
//	services/<service>/<stage>/table.json                   the port, and what is live
//	services/<service>/<stage>/revisions/<function>/<id>/   revision.json, package/ and cache/
//	services/<service>/<stage>/logs/<function>.log          ND-JSON lines, with one older file ".log.1"
//
// A revision never changes once it is stored. table.json is the only thing that says what is live; only
// the running process writes it, whole and durably, so that a kill leaves the old table or the new one.
// Anybody may read it without a running process.
package platform
