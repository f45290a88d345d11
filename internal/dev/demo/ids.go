package demo

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// namespace of the event ids.
var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://ledgerboard.example.com/demo"))

// EventID is the id of a seeded event: a function of what the event is, so that seeding once more
// after a crash appends duplicates, which fold to the same tables. Parts must not hold NUL.
func EventID(kind string, parts ...string) string {
	return uuid.NewSHA1(namespace, []byte(kind+"\x00"+strings.Join(parts, "\x00"))).String()
}

func digest(seed uint64, parts ...string) [sha256.Size]byte {
	raw := binary.BigEndian.AppendUint64(nil, seed)
	return sha256.Sum256(append(raw, strings.Join(parts, "\x00")...))
}

// hexID is an id in the form of agencies, sub-accounts and users.
func hexID(seed uint64, parts ...string) string {
	sum := digest(seed, parts...)
	return hex.EncodeToString(sum[:domain.HexIDLength/2])
}

// roll is a number of [0, n) that is fixed for (seed, parts).
func roll(seed uint64, n int, parts ...string) int {
	sum := digest(seed, parts...)
	return int(binary.BigEndian.Uint64(sum[:]) % uint64(n))
}

// digits is a decimal number of so many digits, the first not 0.
func digits(seed uint64, length int, parts ...string) string {
	sum := digest(seed, parts...)
	out := make([]byte, length)
	for i := range out {
		out[i] = '0' + sum[i]%10
	}
	out[0] = '1' + sum[0]%9
	return string(out)
}

// IDs is `ids` of demo.json: what there is to try.
type IDs struct {
	ParentAccount  string        `json:"parent_account"`
	SubAccounts    []string      `json:"sub_accounts"`
	Users          []UserID      `json:"users"` // staff first
	Members        []int64       `json:"members"`
	Accounts       []int64       `json:"accounts"` // row ids of SubAccounts, in the same order: `accountId` of the analytics paths
	SocialAccounts []SocialID    `json:"social_accounts"`
	Posts          []string      `json:"posts"` // oldest first
	Categories     []int64       `json:"categories"`
	Foreign        ForeignAgency `json:"foreign"`
}

// UserID names a user and the account that the user belongs to.
type UserID struct {
	ID      string `json:"id"`
	Account string `json:"account"`
}

// SocialID names a social account and its platform.
type SocialID struct {
	ID       int64           `json:"id"`
	Platform domain.Platform `json:"pId"`
}

// ForeignAgency names what the demo's tokens must never reach.
type ForeignAgency struct {
	ParentAccount string   `json:"parent_account"`
	SubAccounts   []string `json:"sub_accounts"`
	Users         []UserID `json:"users"`
	Members       []int64  `json:"members"`
}

// IDs returns what demo.json tells of the world.
func (w *World) IDs() IDs {
	ours, foreign := w.agencies[0], w.agencies[1]
	ids := IDs{
		ParentAccount: ours.id, SubAccounts: ours.subAccounts(), Users: ours.userIDs(), Members: ours.memberIDs(),
		Foreign: ForeignAgency{
			ParentAccount: foreign.id, SubAccounts: foreign.subAccounts(), Users: foreign.userIDs(), Members: foreign.memberIDs(),
		},
	}
	for _, c := range ours.clients {
		ids.Accounts = append(ids.Accounts, c.row)
	}
	for _, c := range w.channels {
		if c.ParentAccount == ours.id {
			ids.SocialAccounts = append(ids.SocialAccounts, SocialID{ID: c.SocialAccount, Platform: c.platform})
		}
	}
	for _, p := range w.posts {
		if p.channel.ParentAccount == ours.id {
			ids.Posts = append(ids.Posts, domain.PostID(p.channel.SocialAccount, p.ID))
		}
	}
	for i := range categories {
		ids.Categories = append(ids.Categories, int64(i+1))
	}
	return ids
}

// People are the persons of the demo's tokens.
type People struct {
	Agency   signin.Person // the owner of the agency
	Client   signin.Person // on the list of an open dashboard with the scope analytics, in a linked set of three
	Auditor  signin.Person
	Operator signin.Person
	MainApp  signin.Person // a main application, by a name
	Foreign  signin.Person // the owner of the foreign agency
}

// People names whom the demo's tokens stand for.
func (w *World) People() People {
	ours, foreign := w.agencies[0], w.agencies[1]
	person := func(u user, role string) signin.Person {
		return signin.Person{UserID: u.id, AccountID: u.account, Role: role}
	}
	return People{
		Agency:   person(ours.staff[0], roleAgency),
		Client:   person(ours.clients[0].users[0], "client"),
		Auditor:  person(ours.staff[auditorOfStaff], "auditor"),
		Operator: signin.Person{UserID: hexID(w.cfg.Seed, "operator"), Role: "operator"},
		MainApp:  signin.Person{UserID: "main_app", Role: "main_app"},
		Foreign:  person(foreign.staff[0], roleAgency),
	}
}
