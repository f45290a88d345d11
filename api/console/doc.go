// Package console is the part of the program that people look at: pages for agencies, clients, auditors and operators, below
// /console.
//
// # Invariants
//
//   - A page calls the public API's handlers in this process, as the person who is signed in ([get], [post]). The console has no
//     query and no rule of its own: roles, tenancy, limits and the record of what was read are the API's.
//   - At every request the API judges the person of the session by the rule that judges tokens. Whoever has left is out, and
//     the session ends.
//   - Where a main application serves the console, its session counts, and there is no cookie, no session and no way to sign in of ours.
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
//  1. Write a struct, its view, with the method template, and pages/<template>.html with {{define "content"}}. The dot is the view.
//  2. Add a row to a function of pages that [Console.allPages] calls: pattern, roles, name in the bar, zero values of its views.
//  3. In open, ask the API: get[T](v, "/api/…", query), getMeta for data with meta, post for changes. Return its errors as they are.
//  4. A form posts to a row of its own, which returns a redirect. Read it with v.form().
//  5. The every-page test executes the view, empty and filled; add a case to the tests of what it shows.
//
// # File map
//
//	application.go  where a main application signs people in: who is calling; addresses below its prefix
//	handler.go   Deps, Handler; headers; who may open a page
//	pages.go     the table of pages; what a view is
//	api_calls.go parallel_calls.go  calls of the API; several of them at a time
//	list_pages.go  from one page of a list to the next
//	forms.go     forms that were sent, and how large they may be
//	refusals.go  what goes wrong, as a page
//	layout.go    templates, style and scripts, embedded
//	compress.go  gzip for them
//	session.go session_lifetime.go  who is signed in, and what keeps it; the cookie, and how long a session lasts
//	sign_in.go sign_in_link.go  the pages of signing in: demo, tokens; one-time links
//	sign_in_sessions.go  sessions seen and ended
//	sign_in_provider.go sign_in_refused.go  the way by an identity provider; why somebody is not let in
//	sign_in_password.go  the way by an e-mail address and an imported password
//	sign_in_slowed.go  how failed tries to sign in are slowed down
//	home.go      the first page
//	template_functions.go  numbers, times and names as templates write them
//	refresh_intervals.go  how often pages that change by themselves are fetched again
//	clients.go   clients as rows
//	needs_you.go  what somebody of the agency has to do, of all clients
//	figures.go figures_charts.go figures_costs.go  the figures of a client or of a board: what the address asks for; charts and totals; views
//	             against cost, and activity
//	live.go      the stream that tells when figures change
//	report.go    a month of a client as a page that prints
//	pictures.go  pictures of posts, or letters in their place
//	boards.go board_closed.go  boards that are open to a client; one that is not, or not any more
//	board_page.go board_edit.go  the board of a client, for its agency: what can be changed; what that does, before it is saved
//	board_scopes.go  the scopes of a board, in words
//	people.go see_as.go  the people of a client, and what each sees; looking with their eyes, which is recorded
//	colleagues.go add_person.go  the people of the agency itself; how somebody is added
//	people_sign_in.go  links for people, and where they are signed in, for their agency
//	connections.go connect_page.go  what is connected for a client, and how it is; sign-ins at platforms, and links for them
//	ops_health.go ops_projections.go ops_parked.go ops_platforms.go  operators: the pages and what is not well; what is folded and rebuilt;
//	             parked events; how platforms are read
//	ops_jobs.go ops_log.go ops_actions.go  jobs, topics, what operators did
//	ops_confirm.go  what operators do: asked for on a page that says what will happen
//	history.go history_search.go history_difference.go history_who_looked.go  the history by instant; its search; two moments
//	             compared; who looked
//	history_excluded.go  what lies in the log and not in the history: parked and foreign records
//	history_back.go  a board becomes again what it was, after a preview of who gains and loses access
//	access.go    who had access at an instant; boards that nobody could open, and who decided it
//	access_of_person.go  to what a person had access, from when to when, and why
//	verify.go    verifications and proof bundles
//	pages        templates: the layout, how records are written, and one for each view
//	assets       style, script and icon
//
// # Non-obvious
//
//   - A try to sign in that fails waits, one that is right never does: a stranger can lock nobody out. Words are of 130 random bits.
//   - A password that is not right is answered on the full second, whoever the address is of: looking somebody up, recording and comparing take
//     different times.
//   - The prefix __Host- wants the cookie's path to be /, so browsers send it to the API too, which does not look at it.
//   - On this machine http://localhost is secure enough for browsers to take the cookie.
//   - What a sign-in at the provider is bound to follows from a word in a cookie of its own: no process remembers it, any one takes the browser
//     back. It is a link that leads there, because the policy lets forms lead nowhere else.
//   - Looking at a link uses nothing up; its button does. Scanners of mail look at links.
//   - A view with the method again has its page load again by itself where there is no script; with it, refresh.js follows what goes on.
//   - Style and scripts have their digest in their address, so that browsers keep them for good.
package console
