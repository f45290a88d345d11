// Package vault stores the data that the log must not contain, in the schema kept: platform tokens,
// pictures of posts, sign-ins at platforms in progress and the resulting grants, notice cursors, pauses
// set by operators, and the id of the installation. It also stores the fetchers' shared schedule; if
// that is lost, every connection is due at once.
//
// # Invariants
//
//   - A secret is stored in PostgreSQL only in sealed form (XChaCha20-Poly1305), bound to its ref:
//     a row that was changed or moved to another ref does not open. The one exception is the key
//     for stream tickets, because a main application that mounts the API has none of our keys. A
//     ticket gives access to less data than the tables next to the key contain.
//   - An empty secret is never stored, so it never replaces a valid one.
//   - No error, log line or marshaled value of this package contains a secret or a key.
//   - Nothing in this package can be rebuilt from the log. The pool therefore commits synchronously
//     ([Open]), except for the fetchers' state and budgets, which may be lost ([OpenFetching]).
//
// The package may import no other package of this module except domain, internal/pg, internal/secret
// and internal/stream (for [stream.Cursor]).
//
// # Notes
//
//   - The ID of a key is a digest of the key, so two configurations cannot use one ID for different
//     keys.
//   - To rotate keys: (1) append the new key to the list everywhere, (2) move it to the
//     front everywhere, (3) run Rotate until nothing remains, (4) remove the old key. A process uses
//     a list in a file within a minute; otherwise, restart it.
//     If the new key came first in step 1, a process would seal secrets that other
//     processes cannot open yet.
//   - Rotate does not change updated_at, which is the time at which the secret was obtained.
//   - A caller that decides by a stored secret replaces or deletes only that one: Swap and PutOver
//     compare it, and Put and DeleteOf compare the time of its sign-in.
//   - A renewal claims the row for longer than its call can take. Others do not replace the token
//     meanwhile, because the platform may already have rotated it; only a sign-in does.
//   - Swap distinguishes a database failure from a secret that another process has stored: a caller
//     discards its renewed token only in the latter case.
//   - Package signin keeps the console's sessions and links in the same schema; [Eraser.ForgetUser]
//     deletes those of a person with everything else.
//   - Rotate ignores pictures. A picture without its key counts as missing and is downloaded again
//     while its URL works.
//   - Sealing cannot detect that a whole row was reset to an earlier state of the same ref, as in a
//     restored backup. The platform refuses such a token, and the account must be connected
//     again.
package vault
