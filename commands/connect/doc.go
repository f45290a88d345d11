// Package connect connects pages and profiles in a browser: a person signs in to a platform and
// chooses the pages that ledgerboard reads from then on.
//
// # Invariants
//
//   - Values that grant access (the address of a sign-in, its state, the browser's cookie, a link)
//     are random and stored only as SHA-256. Tokens never appear in errors or log lines.
//   - A state works once, only in the browser with the attempt's cookie, and only at the callback
//     of its platform.
//   - Rights are checked three times: with the request, when the person comes back from the
//     platform, and with the choice. Without the rights, nothing is stored.
//   - Before anything is stored, the page has named the pages that will no longer be read and those
//     that move to another client. If these have changed, the page is shown again.
//   - Ids are computed, so a choice can be repeated after a crash.
//
// The package may not import pgx, watermill, chi, projections, readmodels or api.
//
// # Failures
//
//   - Replayed code or state: the same browser sees the outcome. The code is not redeemed again.
//   - Another browser: its cookie differs. The attempt stays open for the right browser.
//   - Crash before the code is redeemed or the tokens are stored: the attempt stays in step taken,
//     and its page says that it did not finish. The next sign-in renews the consent.
//   - The page belongs to another client: agency staff must confirm that it moves. Other people
//     must ask their agency, and do not see the client's name.
//   - The tables do not show a disconnection in time: no token is deleted, and the caller must
//     repeat the request.
//   - The platform does not revoke the consent: the page is disconnected and the tokens are deleted
//     anyway.
//
// # Non-obvious
//
//   - A grant is what one person gave one of our apps. An agency's directory has one connection for
//     it, and any number of pages are read with it. All agencies share its tokens: a refresh token may
//     work once, so two copies would invalidate each other. The tokens of pages are stored with it.
//   - A sign-in renews all tokens of its grant, because the older ones may be dead.
//   - A page that the consent no longer covers waits for a sign-in by itself. What ends the grant is
//     recorded once in each agency, and ends all its pages.
//   - A grant whose last page is disconnected while a page is chosen keeps its new tokens: it is not
//     released if there was a later consent, and a choice seals the tokens again after the tables show
//     the page.
package connect
