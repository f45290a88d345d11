// Package connect connects pages and profiles in a browser: a person signs in at a platform, chooses, and what was chosen is read from then on.
//
// # Invariants
//
//   - What opens something (the address of a sign-in, its state, the browser's cookie, a link) is random and kept as SHA-256 only. Tokens are
//     sealed from the call-back on, and stand in no error and no log line.
//   - A state works once, only in the browser that holds the attempt's cookie, and only at its platform's call-back.
//   - Rights are judged three times: when it is asked for, when the person comes back, and when the choice is made.
//   - Before anything is stored, the page has named what falls away and what moves to another client. If that has changed meanwhile, it is
//     shown again, and nothing is stored.
//   - Ids are computed (see package domain): repeating a choice that was interrupted is harmless.
//
// It may not import pgx, watermill, chi, projections, readmodels or api; what it needs of the read side and of the vault it declares as
// interfaces.
//
// # What goes wrong, and what then
//
//   - Replayed code or state: the attempt was taken; the same browser is shown what came of it, and the code is not sent again.
//   - Forged state: no attempt has it. Nothing is redeemed.
//   - Another browser: its cookie is another one. The attempt stays as it is for the right one, and the address bar shows no code.
//   - A page that falls away is read before the choice is stored: it waits for a sign-in with the platform's reason, then with ours.
//   - Expired: 10 minutes to sign in, 15 to choose. Waiting tokens are deleted within minutes after that.
//   - Crash before the code is redeemed, or before the tokens wait: the attempt stays taken. Its page says that it did not come to its end;
//     the platform has the consent, and the next sign-in renews it.
//   - Crash while a choice is stored: the tokens still wait, the same choice can be sent again, and gives the same ids.
//   - Two tabs: both are attempts of their own under one cookie; each goes on by itself.
//   - One page, two agencies: two ids. Each has its connection and its readings.
//   - A page that another client of the agency has: agency staff must tick that it moves; others are told to ask their agency, which
//     names no client.
//   - Another account than the one that is to be connected again: nothing is stored, and the page says who has signed in.
//   - The rights have ended meanwhile: nothing is stored.
//   - The tables do not show in time that a page is disconnected: no token is deleted, and the caller is told to ask again.
//   - A client user who made a link may not connect any more: the link does not work.
//   - Meta calls about somebody who is not known, twice, or late: it is answered alike. What it issued before the last consent changes nothing.
//   - Giving back fails: the page is disconnected and our tokens are deleted all the same; the caller is told that the platform still lists
//     our app.
//
// # Non-obvious
//
//   - A connection is by whose token it is. Where each page has its own, also for an account behind it, such a connection is the
//     page's, whichever administrator signs in, so that a page that dies takes no other down, and reconnecting keeps its id. Elsewhere the
//     token is the person's: connections of all agencies then share the grant's secret, because a refresh token may work once, and two
//     copies would kill each other.
//   - A sign-in renews everything that hangs on its grant, in every agency: the older tokens may be dead.
//   - A page that falls away is recorded as waiting for a sign-in. Where the person's token reads several accounts, it is moved to a connection
//     of its own, without a token, so that the others go on; connecting it again moves it back.
//   - Whoever lets go of a connection names the consent that they saw it hang on before they recorded that it reads nothing; a choice hangs
//     and seals a second time once the tables show it. So a page that is disconnected while it is chosen again keeps its new token.
//   - Tokens that wait for a choice hold the grant that they would renew: giving it back would end them.
//   - The state is made of the cookie and the attempt's address, so that a page that is loaded again shows the same link.
package connect
