package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// DirectoryDeps are what a main application writes with, or without one the agency's staff.
type DirectoryDeps struct {
	Feed  DirectoryFeed
	Told  DirectoryEntities
	Local LocalDirectory
}

// DirectoryFeed takes what a main application tells; see [commands.FeedDirectory].
type DirectoryFeed interface {
	Feed(ctx context.Context, c commands.Caller, lines [][]byte, atomic bool) (commands.Fed, error)
}

// DirectoryEntities reads back what was sent.
type DirectoryEntities interface {
	Told(ctx context.Context, keys []string) (map[string]domain.ToldEntity, error)
}

// LocalDirectory adds clients and people; see [commands.LocalDirectory].
type LocalDirectory interface {
	AddClient(ctx context.Context, c commands.Caller, add commands.NewClient) (domain.DirectoryAccount, error)
	Invite(ctx context.Context, c commands.Caller, invite commands.NewPerson) (domain.DirectoryUser, error)
}

const patternDirectory = "/api/directory"

var (
	paramAtomic = Param{
		Name: "atomic", Kind: KindWord, Words: []string{"true", "false"}, Default: "false", Example: "true",
		Text: "Whether one line that is refused refuses all of them (422).", wrong: "is neither of %s",
	}
	paramEntityKind = Param{
		Name: "kind", Kind: KindWord, Required: true, Example: domain.KindAccount, wrong: "is not a kind of entity: use one of %s",
		Text: "The kind of entity, as in the type directory.<kind>.v1.",
		Words: []string{
			domain.KindAccount, domain.KindUser, domain.KindOrder, domain.KindSession, domain.KindMember, domain.KindConnection,
			domain.KindDefaultAccount, domain.KindSocialAccount, domain.KindPlannedPost, domain.KindSubscription, domain.KindCategory,
		},
	}
	paramEntityID = Param{Name: "entityId", Kind: KindText, Text: "The entity's id.", Example: exampleAccount}
)

// directoryRoutes are the rows of the directory in the route table.
func (s *Server) directoryRoutes() []route {
	if s.deps.Directory == nil {
		return nil
	}
	mainApp, staff := []Role{RoleMainApp}, []Role{RoleAgency}
	return []route{
		{http.MethodPost, patternDirectory, "postDirectory", mainApp, s.postDirectory()},
		{http.MethodGet, patternDirectory + "/{kind}/{entityId}", "getDirectoryEntity", mainApp, s.getEntity()},
		{http.MethodPost, "/api/accounts", "postAccounts", staff, s.postAccount()},
		{http.MethodPost, "/api/users", "postUsers", staff, s.postUser()},
	}
}

// mainAppOf is how a record names a main application, which acts for no agency.
func mainAppOf(r *http.Request) commands.Caller {
	p, _ := PrincipalFrom(r.Context())
	return caller(r, p, "", RoleMainApp)
}

// toldEntity is what counts of an entity.
type toldEntity struct {
	Type string          `json:"type"` // directory.<kind>.v1
	Data json.RawMessage `json:"data"` // the entity, with all its members
	// UpdatedAt is the entity's own time of its last change: a line with the same time, or an earlier one, changes nothing.
	UpdatedAt time.Time `json:"updated_at"`
}

var errNotTold = domain.NewError(domain.CodeNotFound,
	"There is no entity of this kind and id: it was never sent, or erased. Check both.")

func (s *Server) getEntity() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		kind, id := params.word(paramEntityKind), params.text(paramEntityID)
		if err := params.Err(); err != nil {
			return err
		}
		if hex, ok := domain.HexID(id); ok {
			id = hex
		}
		key := domain.DirectoryKey(kind, id)
		told, err := s.deps.Directory.Told.Told(r.Context(), []string{key})
		if err != nil {
			return err
		}
		of, known := told[key]
		if !known {
			return errNotTold
		}
		answer := toldEntity{Type: "directory." + kind + ".v1", UpdatedAt: of.At}
		if answer.Data, err = json.Marshal(of.Entity); err != nil {
			return err
		}
		return s.writeData(w, answer, nil)
	}, paramEntityKind, paramEntityID).answering(reflect.TypeFor[toldEntity](), nil)
}

// newAccountBody is a client to add.
type newAccountBody struct {
	Name    string `json:"name"`              // as people call it, at most 200 characters
	Email   string `json:"email,omitempty"`   // of the client, shown to its people
	Phone   string `json:"phone,omitempty"`   // likewise
	Address string `json:"address,omitempty"` // likewise
}

// madeAccount is a client that was added.
type madeAccount struct {
	ID            string `json:"id"`             // 24 hex digits
	RowID         int64  `json:"row_id"`         // what accountId means in the analytics paths
	ParentAccount string `json:"parent_account"` // the agency
	Name          string `json:"name"`
	Email         string `json:"email"`
	Phone         string `json:"phone"`
	Address       string `json:"address"`
	Active        bool   `json:"active"`
}

func (s *Server) postAccount() operation {
	return making(s, reflect.TypeFor[newAccountBody](), []string{"name", "email", "phone", "address"},
		func(ctx context.Context, c commands.Caller, text map[string]string, key string) (madeAccount, error) {
			a, err := s.deps.Directory.Local.AddClient(ctx, c, commands.NewClient{
				Name: text["name"], Email: text["email"], Phone: text["phone"], Address: text["address"], Key: key,
			})
			return madeAccount{a.ID, a.RowID, a.ParentAccount, a.Name, a.Email, a.Phone, a.Address, a.Active}, err
		})
}

// newUserBody is a person to invite.
type newUserBody struct {
	Name  string `json:"name"`  // at most 200 characters
	Email string `json:"email"` // by which an identity provider's sign-in finds the person
	Phone string `json:"phone,omitempty"`
	// Account is a client of the agency, 24 hex digits; left out: a colleague, of the agency itself.
	Account string `json:"account,omitempty"`
}

// madeUser is a person who was invited.
type madeUser struct {
	ID        string    `json:"id"`         // 24 hex digits
	AccountID string    `json:"account_id"` // the agency, or one of its clients
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Phone     string    `json:"phone"`
	Active    bool      `json:"active"`
	CreatedAt time.Time `json:"created_at"`
}

func (s *Server) postUser() operation {
	return making(s, reflect.TypeFor[newUserBody](), []string{"name", "email", "phone", "account"},
		func(ctx context.Context, c commands.Caller, text map[string]string, key string) (madeUser, error) {
			u, err := s.deps.Directory.Local.Invite(ctx, c, commands.NewPerson{
				AccountID: text["account"], Name: text["name"], Email: text["email"], Phone: text["phone"], Key: key,
			})
			return madeUser{u.ID, u.AccountID, u.Name, u.Email, u.Phone, u.Active, u.CreatedAt}, err
		})
}

// making reads a body of texts and has something made of it for the caller's agency.
func making[R any](
	s *Server, body reflect.Type, names []string, act func(ctx context.Context, c commands.Caller, text map[string]string, key string) (R, error),
) operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		if err := params.Err(); err != nil {
			return err
		}
		key, err := idempotencyKey(r.Header)
		if err != nil {
			return err
		}
		members, err := s.readObject(w, r)
		if err != nil {
			return err
		}
		text, err := textMembers(members, names)
		if err != nil {
			return err
		}
		p, _ := PrincipalFrom(r.Context())
		made, err := act(r.Context(), caller(r, p, p.AccountID, RoleAgency), text, key)
		if err != nil {
			return err
		}
		return s.writeData(w, made, nil)
	}, paramIdempotency).answering(reflect.TypeFor[R](), nil).accepting(body)
}

// textMembers reads a body whose members are all texts; what nobody reads is refused, because it may be a slip.
func textMembers(members map[string]json.RawMessage, names []string) (map[string]string, error) {
	var bad domain.FieldErrors
	text, known := map[string]string{}, map[string]bool{}
	for _, name := range names {
		known[name] = true
		if value := member[string](members, name, "a text", &bad); value != nil {
			text[name] = *value
		}
	}
	for name := range members {
		if !known[name] {
			bad.Addf(clip(name), "is not known here")
		}
	}
	return text, bad.Err()
}
