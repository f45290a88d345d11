// Package console serves the web pages under /console for agencies, clients, auditors and
// operators.
//
// # Invariants
//
//   - A page calls operations of the API in this process as the person who is signed in ([ask],
//     [once]). The console has no queries and no rules of its own: the operations enforce roles,
//     tenancy and limits, and record who views the history. A page counts as one request.
//   - For every request, the API checks the session's user by the same rules as a token's user.
//   - If a main application serves the console, the application authenticates requests. The console
//     then has no session or sign-in of its own. Its only cookie is the time zone that a person
//     chose.
//   - Only the console reads its cookies. The streams of a page are those of the API, which it serves
//     for a request without cookies and browser headers.
//   - Only digests of secrets (session cookies and sign-in links) are stored.
//   - Requests from pages of other sites are refused, except when a user follows a link.
//   - The content security policy has no exceptions: no inline style, no inline script, no other
//     host. Every page works without JavaScript.
//   - A board is saved exactly as previewed, or not at all.
//   - Viewing a page as another person is recorded and read-only, and uses that person's current
//     rights.
//   - Texts of people and platforms are isolated from ours: [foreign] in templates and sentences.
//   - Days are those of readmodels/analytics, in the zone of [zoneOf]; instants are in UTC.
//   - Logs contain no secrets: they contain the pattern of a page, not its address.
//
// The package must not import pgx, watermill, sarama or projections.
//
// # To add a page
//
//  1. Write a view struct, and a template in pages with the corresponding file name that defines
//     "title" and "content".
//  2. Add a row to [Console.allPages]: pattern, roles, opener, zero values of its views.
//  3. In the opener, call operations: ask(v, api.GetAccounts, parameters), or once for changes. Give
//     parameters by their names in the API, as texts: the operation checks them. Return errors
//     unchanged.
//  4. If the page has a form, add a POST row whose opener reads v.form and returns a redirect.
//  5. TestEveryViewRendersEmptyAndFilled renders the view, empty and filled. TestEveryPageForEveryRoleAndTenant
//     needs a row. Add a test of its content.
//
// # Notes
//
//   - The secrets of sign-in links have 130 random bits, and tokens are signed. Failed sign-ins are
//     therefore counted but not delayed.
//   - Browsers also send the cookie to the API, which ignores it: see [api.ConsoleCookie].
//   - The state of a sign-in at the identity provider is derived from a secret in a cookie, so any
//     process can complete the sign-in. It starts with a link, not a form, because the content
//     security policy restricts form submissions to this host.
package console
