package domain

// Person is all that the directory holds of one person, and the secrets that belong to it: what an
// erasure must find (GDPR). A person is a user, or a member who is no user.
type Person struct {
	ParentAccount string // the agency
	User          string // "": a member who is no user
	PasswordRef   string // names a row of schema kept; "" without a password
	Sessions      []string
	Members       []int64
	Defaults      []int64 // members who have a default account
	Connections   []PersonConnection
	// Profiles are the social accounts that are the person's own (LinkedIn profiles): their names are
	// the person's. Pages belong to the client; they lose their connection.
	Profiles []int64
	Pages    []DirectorySocialAccount
}

// PersonConnection is an authorisation of a person at a platform.
type PersonConnection struct {
	ID        int64
	SecretRef string // "": none was stored
}

// SecretRefs are the rows of schema kept that belong to the person.
func (p Person) SecretRefs() (refs []string) {
	if p.PasswordRef != "" {
		refs = append(refs, p.PasswordRef)
	}
	for _, c := range p.Connections {
		if c.SecretRef != "" {
			refs = append(refs, c.SecretRef)
		}
	}
	return refs
}

// Erased is what the record of an erasure says: ids and numbers, no names.
func (p Person) Erased() PersonErased {
	e := PersonErased{User: p.User, Members: p.Members, Sessions: len(p.Sessions), Profiles: p.Profiles}
	for _, c := range p.Connections {
		e.Connections = append(e.Connections, c.ID)
	}
	for _, page := range p.Pages {
		e.Pages = append(e.Pages, page.ID)
	}
	return e
}
