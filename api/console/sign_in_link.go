package console

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const linkPath = Path + "/link/"

// linkView asks whether to sign in: looking at a link uses nothing up, since mail scanners look at links, too.
type linkView struct {
	Word string
	Name string // of the person, as the directory holds it
	Role string
}

func (linkView) template() (name, title string) { return "link-follow", "Sign in" }

// linked returns whom the link of a digest signs in.
func (v *visit) linked(digest []byte) (Person, error) {
	if v.console.deps.Provider != nil {
		return Person{}, v.notLetIn(WayLink, WhyProvider, "")
	}
	return v.console.deps.Sessions.Link(v.r.Context(), digest, v.console.deps.Now())
}

func (v *visit) linkPage() (view, error) {
	word := v.r.PathValue("word")
	p, err := v.linked(Digest(word))
	if err != nil {
		return nil, v.badLink(err)
	}
	judged := &visit{console: v.console, r: v.r, who: p.principal(time.Time{})}
	me, err := get[readmodels.Me](judged, "/api/me", nil)
	if err != nil {
		return nil, err
	}
	shown := linkView{Word: word, Role: p.Role}
	if me.User != nil {
		shown.Name = me.User.Name
	}
	return shown, nil
}

func (v *visit) useLink() (view, error) {
	digest := Digest(v.r.PathValue("word"))
	p, err := v.linked(digest)
	if err == nil {
		err = v.signIn(p, WayLink, digest, time.Time{})
	}
	if err != nil {
		return nil, v.badLink(err)
	}
	return redirect(Path), nil
}

// badLink refuses a link that is not valid.
func (v *visit) badLink(err error) error {
	if domain.CodeOf(err) != domain.CodeNotFound {
		return err
	}
	return v.notLetIn(WayLink, WhyLink, "")
}

// LinkPath is the path of a one-time link, whose word is stored by its [Digest].
func LinkPath(word string) string { return linkPath + word }
