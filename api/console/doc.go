// Package console serves the pages for agencies, clients, auditors and operators below /console.
//
// # Invariants
//
//   - A page calls the public API in this process as the person who is signed in ([get], [post]).
//     The console has no queries and no rules of its own: the API enforces roles, tenancy and
//     limits, and records reads.
//   - For every request the API checks the person of the session by the same rule as tokens.
//   - If a main application serves the console, the application authenticates requests. The console
//     then has no cookie, session or sign-in of its own.
//   - Only the console reads its cookie. API requests carry no cookie and no header of the browser.
//   - Only digests of secrets (of cookies and sign-in links) are stored.
//   - Requests from pages of other sites are refused, except followed links.
//   - The content security policy has no exceptions: no inline style, no inline script, no other
//     host. Every page works without JavaScript.
//   - A board is saved exactly as previewed, or not at all.
//   - A view as another person is recorded, read-only, and has the person's current rights.
//   - Logs contain no secrets: they name a page by its pattern.
//
// It may not import pgx, watermill, sarama or projections, nor anything that does.
//
// # To add a page
//
//  1. Write a view struct, and a file in pages with the corresponding name, with {{define "title"}}
//     and {{define "content"}}.
//  2. Add a row to [Console.allPages]: pattern, roles, opener, zero values of its views.
//  3. In the opener, call the API: get[T](v, "/api/…", query), getMeta for data with meta, post for
//     changes. Return its errors unchanged.
//  4. A form posts to a row of its own, which returns a redirect. Read the form with v.form.
//  5. The every-page test renders the view, empty and filled. Add a test case for its content.
//
// # Notes
//
//   - Words of links have 130 random bits and tokens are signed, so failed sign-ins are counted but
//     not delayed.
//   - Browsers also send the cookie to the API, which ignores it: see [cookieName].
//   - The state of a sign-in with the provider is derived from a secret in a cookie, so any process
//     can complete it. A link starts it, not a form, because the policy restricts forms to this
//     host.
package console
