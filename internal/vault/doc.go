// Package vault keeps what the log must not hold, in schema kept: secrets (platform tokens, password
// hashes), who is signed in to the console, pictures of posts, sign-ins under way and the grants that
// come of them, the cursors of notices, and what operators have paused. It also keeps what the fetchers
// share about when to read what; if that is lost, every connection is due at once.
//
// # Invariants
//
//   - A secret reaches PostgreSQL only sealed (XChaCha20-Poly1305), bound to its ref: a row that was
//     changed, or moved to another ref, does not open.
//     The one exception is the key of streams' tickets, because a main application that mounts the API has
//     none of our keys. A ticket opens less than the tables beside it show.
//   - An empty secret is never stored, so it never replaces a good one.
//   - The times of a sealed secret are stored unsealed: when it was taken and when it ends.
//   - No error, log line or marshalled value of this package holds a secret or a key.
//   - A cursor never moves backwards within an epoch of the log; one of an earlier epoch is none.
//   - Nothing here can be folded again from the log: the pool commits synchronously ([Open]), but for the
//     fetchers' states and budgets, which may be lost ([OpenFetching]).
//
// It may not import any package of this module but domain, internal/pg, internal/stream (for
// [stream.Cursor]) and internal/quota (for [quota.Store]).
//
// # File map
//
//	pool.go               the pool; how errors are wrapped
//	fetching.go           Fetching: when which connection is due, who has claimed it, what became of it; the fetchers' pool
//	post_notes.go         Fetching: posts that were asked for in vain
//	platform_words.go     Fetching: what platforms said when reading failed, for 30 days
//	silent_sources.go     Fetching: which platforms and kinds of posts give no figures
//	quota_budgets.go      Budgets: the quotas that all fetchers share
//	connection_marks.go   Marks: one of several fetchers records a change
//	token_lease.go        Secrets: one process at a time renews a token, and replaces what it has read
//	stream_cursors.go     Cursors: the part of stream.Store that is stored here
//	pauses.go             Pauses: which projections and which platforms' fetching stand still
//	sealing_keys.go       Key, Keys: what seals and opens; reading them from configuration
//	seal.go               the sealed form
//	sessions.go           Sessions: who is signed in to the console, and links that sign somebody in once
//	identities.go         Identities: whom the identity provider knows as whom
//	sign_in_refusals.go   Identities: how often it is recorded that a user was not let in
//	epochs.go             Epochs: the copy of the log's ids and of which tag key it has; what goes when a restore has begun one
//	foreign_records_table.go  ForeignRecords: what lies in the log and nobody of ours wrote
//	stream_ticket_key.go  TicketKey: the key of streams' tickets, which all processes share
//	secrets.go            Secrets: put, get one or many, delete
//	pictures.go           Pictures: small copies of posts' pictures, for 400 days
//	erase.go              Eraser: deletes secrets, cursors and results of reads, without a key
//	connect_attempts.go connect_links.go grants.go  Connecting: sign-ins under way; links that begin them; what people gave our apps
//	deletion_requests.go  Connecting: what people asked Meta to have deleted; tokens of a consent that was taken back
//	rotate_keys.go        Secrets: re-sealing under the newest key, check at start
//
// # Non-obvious
//
//   - A key's id is a digest of the key, not a name that someone chooses: two configurations cannot
//     mean different keys by one id.
//   - To rotate: (1) add the new key at the end of the list everywhere and restart, (2) move it to the
//     front everywhere and restart, (3) Rotate, until nothing remains, (4) drop the old key. Putting it
//     first in step 1 would let a restarted process seal what the others cannot open yet.
//   - Rotate replaces a row only if it still is the row that was read: a token that is refreshed
//     meanwhile is not overwritten by its predecessor. It leaves updated_at alone, which is the time at
//     which the secret was taken.
//   - A lease is prolonged while it is held, because its holder may wait for the quota; one that cannot be
//     prolonged tells its holder 25 s before others may take it, so that no call begins that they repeat.
//   - Swap tells a failing database from a secret that another process has stored: only for the latter does a
//     caller throw its renewed token away.
//   - Rotate leaves pictures alone. A picture whose key is gone counts as missing, and is taken again while its
//     address works.
//   - Sealing cannot tell that a whole row was put back to an earlier state of the same ref, as a
//     restored backup does. The platform refuses such a token, and its connection asks to reconnect.
//   - SaveCursors sorts its rows, so that two processes saving the same users never deadlock.
package vault
