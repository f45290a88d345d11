package console

import "github.com/ledgerboard/ledgerboard/api"

// page is one row of the table of pages.
type page struct {
	pattern string     // of [http.ServeMux], with its method
	public  bool       // for people who are not signed in, too
	roles   []api.Role // who may open it; nil: everybody who is signed in. The API judges again what the page asks it
	nav     string     // its name in the bar; "": it does not stand there
	scope   string     // without which it does not stand in a client's bar; "": none
	views   []view     // zero values of all that open may return, for the test that executes every page with every view
	open    func(*visit) (view, error)
}

// view is what a page shows: a struct of its own for each template.
type view interface {
	// template names the template, a file of pages/ without its ending, and the title.
	template() (name, title string)
}

// unfinished is a view of something that goes on: its page loads again by itself while it does.
type unfinished interface{ again() bool }

// watched is a view of a board, which may be closed while somebody looks at it: the board's address, "" where it is no client's own.
type watched interface{ watches() string }

// answered is a view with a status of its own.
type answered interface{ status() int }

// redirect is a view that leads elsewhere: what a form answers.
type redirect string

func (redirect) template() (name, title string) { return "", "" }

// passOn is a view that is an answer of the API as it is: a download.
type passOn string

func (passOn) template() (name, title string) { return "", "" }

// navItem is a link in the bar.
type navItem struct {
	Path, Name string
	Current    bool
}

// allPages is the table of pages. Every address of the console stands here.
func (c *Console) allPages() (all []page) {
	for _, of := range [][]page{
		c.homePages(), c.clientPages(), c.boardPages(), c.peoplePages(), c.colleaguePages(), c.connectPages(), c.picturePages(), c.livePages(), c.historyPages(),
		c.accessPages(), c.personPages(), c.personSignInPages(), c.verifyPages(), c.opsPages(),
	} {
		all = append(all, of...)
	}
	if c.deps.Application == nil {
		all = append(append(all, c.signInPages()...), c.providerPages()...)
	}
	return all
}
