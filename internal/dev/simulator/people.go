package simulator

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Person is somebody who can sign in at the dialogs. A platform where the person has nothing does not offer to be them;
// Facebook lets everybody in.
type Person struct {
	ID    string // digits; Facebook's id of the person
	Name  string // first and last
	Pages []Role // Facebook pages that the person manages

	Instagram     string   // id of an account of Instagram login
	Profile       string   // id of a LinkedIn profile, which is LinkedIn's id of the person
	Organizations []string // ids of LinkedIn pages that the person administers
	TikTok        string   // open_id
}

// Role is what a person may do on a Facebook page.
type Role struct {
	Page  string
	Tasks []string // nil: all of them
}

// allTasks are the tasks of somebody with full control of a page.
func allTasks() []string {
	return []string{"ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"}
}

// AddPerson registers somebody who can sign in. Their accounts are registered by the other Add functions. Adding an id again
// replaces the person.
func (s *Server) AddPerson(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people = append(slices.DeleteFunc(s.people, func(other Person) bool { return other.ID == p.ID }), p)
}

// The people of [Server.AddPeople].
const (
	Mara  = "7001" // pages with and without an Instagram account behind, one whose figures she may not see; all platforms
	Jonas = "7002" // one of Mara's pages, and one of his own
	Ines  = "7003" // a profile at LinkedIn and no page anywhere
)

// AddPeople registers a few made-up people with their pages and accounts, which post every other day since an instant.
func (s *Server) AddPeople(since time.Time) {
	account := func(id, name, username string) Account {
		return Account{ID: id, Name: name, Username: username, PostsFrom: since, PostEvery: 48 * time.Hour}
	}
	for _, page := range []struct{ id, name, username, instagram string }{
		{"90011", "Harbour Bakery", "harbourbakery", "90021"},
		{"90012", "Harbour Bakery Catering", "harbourcatering", ""},
		{"90013", "Old Town Cinema", "oldtowncinema", "90023"},
		{"90014", "Riverside Market", "riversidemarket", ""},
	} {
		a := account(page.id, page.name, page.username)
		if a.Instagram = page.instagram; page.instagram != "" {
			s.AddInstagram(account(page.instagram, page.name, page.username))
		}
		s.AddPage(a)
	}
	studio := account("90031", "Mara Lindqvist Studio", "maralindqvist")
	studio.OwnLogin = true
	s.AddInstagram(studio)
	s.AddLinkedInProfile(account("mLq7xW2a", "Mara Lindqvist", "mara-lindqvist"))
	s.AddLinkedInProfile(account("iDt4kZ9c", "Ines Duarte", "ines-duarte"))
	s.AddCompanyPage(account("90041", "Harbour Bakery", "harbour-bakery"))
	s.AddCompanyPage(account("90042", "Old Town Cinema", "old-town-cinema"))
	s.AddTikTokUser(account("open-mara", "Mara bakes", "marabakes"))
	s.AddPerson(Person{
		ID: Mara, Name: "Mara Lindqvist", Instagram: "90031", Profile: "mLq7xW2a", Organizations: []string{"90041", "90042"}, TikTok: "open-mara",
		Pages: []Role{{Page: "90011"}, {Page: "90012"}, {Page: "90013", Tasks: []string{"CREATE_CONTENT", "MESSAGING"}}},
	})
	s.AddPerson(Person{ID: Jonas, Name: "Jonas Weber", Pages: []Role{{Page: "90011"}, {Page: "90014"}}})
	s.AddPerson(Person{ID: Ines, Name: "Ines Duarte", Profile: "iDt4kZ9c"})
}

// at tells whether a person can sign in at a platform.
func (p Person) at(platform domain.Platform) bool {
	switch platform {
	case domain.Instagram:
		return p.Instagram != ""
	case domain.LinkedIn:
		return p.Profile != ""
	case domain.TikTok:
		return p.TikTok != ""
	default:
		return true
	}
}

// peopleAt are those who can sign in at a platform.
func (s *Server) peopleAt(platform domain.Platform) []Person {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(s.people), func(p Person) bool { return !p.at(platform) })
}

// person finds somebody who can sign in at a platform.
func (s *Server) person(platform domain.Platform, id string) (Person, bool) {
	people := s.peopleAt(platform)
	i := slices.IndexFunc(people, func(p Person) bool { return p.ID == id })
	if i < 0 {
		return Person{}, false
	}
	return people[i], true
}
