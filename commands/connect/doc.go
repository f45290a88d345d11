// Package connect connects pages and profiles in a browser: a person signs in at a platform and
// chooses pages, which are then read.
//
// # Invariants
//
//   - Values that grant access (the address of a sign-in, its state, the browser's cookie, a link)
//     are random and stored only as SHA-256. Sealed tokens never appear
//     in errors or log lines.
//   - A state works once, only in the browser with the attempt's cookie, and only at its platform's
//     callback.
//   - Rights are checked three times: with the request, when the person comes back, and with the
//     choice. Without them nothing is stored.
//   - Before anything is stored, the page has named the pages that will no longer be read and those
//     that move to another client. If these have changed, the page is shown again and nothing is
//     stored.
//   - Ids are computed (see package domain), so a choice can be repeated after a crash.
//
// The package may not import pgx, watermill, chi, projections, readmodels or api. It declares
// interfaces for the parts of the read side and the vault that it needs.
//
// # Failures
//
//   - Replayed code or state: the attempt was already taken. The same browser sees the outcome, and
//     the code is not sent again.
//   - Another browser: its cookie differs. The attempt stays open for the right browser, and the
//     address bar shows no code.
//   - A page that is no longer covered is read before the choice is stored: it waits for a sign-in
//     with the platform's reason, then with ours.
//   - Expired: a sign-in has 10 minutes, a choice 15. Waiting tokens are deleted within minutes
//     after that.
//   - Crash before the code is redeemed or the tokens are stored: the attempt stays taken, and its
//     page says that it did not finish. The platform has the consent, which the next sign-in
//     renews.
//   - A page of another client of the agency: agency staff must confirm that it moves. Others
//     must ask their agency. They do not see the client's name.
//   - An account other than the one to reconnect: nothing is stored, and the page says who has
//     signed in.
//   - The tables do not show a disconnection in time: no token is deleted, and the caller must
//     repeat the request.
//   - Meta calls about an unknown person, twice, or late: the answer is the same. A request issued
//     before the last consent changes nothing.
//   - A revocation fails: the page is disconnected and the tokens are deleted anyway. The
//     answer says that the platform still lists our app.
//
// # Non-obvious
//
//   - A connection belongs to the owner of its token. If each page has its own token, which also
//     reads an account linked to the page, the connection is the page's, whichever administrator
//     signs in. A failing page then affects no other, and reconnecting keeps its id. Otherwise the
//     token is the person's, and connections of all agencies share the grant's secret: a refresh
//     token may work once, so two copies would invalidate each other.
//   - A sign-in renews everything that depends on its grant, in every agency, because the older
//     tokens may be dead.
//   - A page that is no longer covered is recorded as waiting for a sign-in. If the person's token
//     reads several accounts, the page moves to its own connection without a token, so that the
//     others continue. Connecting it again moves it back.
//   - Code that releases a connection names the consent that it saw before it recorded the
//     disconnection, and a choice attaches and seals a second time after the tables show it. A page
//     that is disconnected while it is chosen again therefore keeps its new token.
package connect
