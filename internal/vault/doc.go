// Package vault keeps what the log must not hold, in schema kept: platform tokens,
// who is signed in to the console, pictures of posts, sign-ins under way and the grants that
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
//   - A cursor never moves backwards, but by a restore ([SetBack]).
//   - Nothing here can be folded again from the log: the pool commits synchronously ([Open]), but for the
//     fetchers' states and budgets, which may be lost ([OpenFetching]).
//
// It may not import any package of this module but domain, internal/identity (for
// [identity.Session]), internal/pg, internal/stream (for [stream.Cursor]) and internal/quota (for [quota.Store]).
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
