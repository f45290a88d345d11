// Package console is the part of the program that people look at: pages for agencies, clients, auditors and operators, below
// /console.
//
// # Invariants
//
//   - A page calls the public API's handlers in this process, as the person who is signed in ([get], [post]). The console has no
//     query and no rule of its own: roles, tenancy, limits and the record of what was read are the API's.
//   - At every request the API judges the person of the session by the rule that judges tokens. A person who has left is out, and
//     the session ends.
//   - Where a main application serves the console, its session counts, and the console has no cookie, session or sign-in of its own.
//   - The cookie counts here only. The API reads no cookie, and requests to it carry nothing of the browser's own.
//   - Only the digests of words that open something are stored: of cookies and of one-time links.
//   - Nothing that a page of another site asks for is done, nor looked at: only links are followed from there.
//   - The policy of content is without exceptions: no inline style, no inline script, no address of another host. Every page can be
//     read and used without JavaScript.
//   - A board is saved as it was previewed, or not at all.
//   - Nobody looks with another's eyes without a record; such a look only reads, with the rights that the other has then.
//   - What is long or secret stays out of logs: they name a page by its pattern.
//   - The length of a compressed page does not tell what stands in it.
//
// It may not import pgx, watermill, sarama or projections, nor anything that does.
//
// # To add a page
//
//  1. Write a struct, its view, and a file of pages named like it, with {{define "title"}} and {{define "content"}}. The dot is the view.
//  2. Add a row to [Console.allPages]: pattern, roles, what opens it, zero values of its views.
//  3. In open, ask the API: get[T](v, "/api/…", query), getMeta for data with meta, post for changes. Return its errors as they are.
//  4. A form posts to a row of its own, which returns a redirect. Read it with v.form.
//  5. The every-page test executes the view, empty and filled; add a case to the tests of what it shows.
//
// # Non-obvious
//
//   - Words of links are 130 random bits and tokens are signed, so failed attempts to sign in are counted but not delayed.
//   - The prefix __Host- wants the cookie's path to be /, so browsers send it to the API too, which does not look at it.
//   - On this machine http://localhost is secure enough for browsers to take the cookie.
//   - What a sign-in at the provider is bound to follows from a word in a cookie of its own: no process remembers it, any one takes the browser
//     back. It is a link that leads there, because the policy lets forms lead nowhere else.
//   - Looking at a link uses nothing up; its button does. Scanners of mail look at links.
//   - Style and scripts have their digest in their address, so that browsers keep them for good.
package console
