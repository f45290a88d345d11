package demo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

const roleAgency = "agency"

// agency is a parent account with its ids settled.
type agency struct {
	plan    agencyPlan
	id      string
	staff   []user
	clients []*client
}

type user struct {
	plan        personPlan
	id, account string
}

// client is a sub-account.
type client struct {
	plan    clientPlan
	id      string
	row     int64
	users   []user
	members []member
	// subscriptions in the order of their time
	subscriptions []subscription
}

type member struct {
	id       int64
	user     string // "" for a member who is no user
	name     string
	inactive bool
	channels []*channel
}

type subscription struct {
	from  time.Time
	until time.Time // zero: open-ended
	plan  string
	price int64
}

type channelPlan struct {
	platform domain.Platform
	kind     domain.AccountType
}

// channelsOf spreads platforms over our clients, three each, so that eight clients have six accounts
// of each platform and neighbours complete each other; LinkedIn's two kinds alternate.
func channelsOf(i int) []channelPlan {
	platforms := domain.Platforms()
	var out []channelPlan
	for k := range 3 {
		p := channelPlan{platform: platforms[(i+k)%len(platforms)]}
		if p.platform == domain.LinkedIn {
			p.kind = domain.LinkedInProfile
			if i%2 == 1 {
				p.kind = domain.LinkedInCompanyPage
			}
		}
		out = append(out, p)
	}
	return out
}

func (w *World) newAgency(plan agencyPlan) *agency {
	a := &agency{plan: plan, id: hexID(w.cfg.Seed, "agency", plan.name)}
	for _, p := range plan.staff {
		a.staff = append(a.staff, w.newUser(p, a.id))
	}
	for i, p := range plan.clients {
		if p.channels == nil {
			p.channels = channelsOf(i)
		}
		c := &client{plan: p, id: hexID(w.cfg.Seed, "client", plan.name, p.name), row: plan.row*10 + int64(i) + 1}
		for _, u := range p.users {
			c.users = append(c.users, w.newUser(u, c.id))
		}
		c.subscriptions = w.subscriptions(p)
		a.clients = append(a.clients, c)
		w.addMembers(a, c, i)
	}
	return a
}

func (w *World) newUser(p personPlan, account string) user {
	return user{plan: p, id: hexID(w.cfg.Seed, "user", account, p.name), account: account}
}

func (w *World) subscriptions(p clientPlan) []subscription {
	span := w.cfg.Anchor.Sub(w.from())
	s := subscription{from: w.from().Add(-200 * day).Truncate(day), plan: p.plan, price: p.price}
	if p.lapsed {
		s.until = w.cfg.Anchor.Add(-span / 4).Truncate(day)
	}
	if !p.renewed {
		return []subscription{s}
	}
	earlier := s
	earlier.plan, earlier.price = "starter", p.price*2/3
	earlier.until = w.cfg.Anchor.Add(-span / 2).Truncate(day)
	s.from = earlier.until
	return []subscription{earlier, s}
}

// addMembers gives a client two members, of whom the first is a user and owns all accounts but the third; a
// client without a third account has no second member. Every fourth client has a third member, who left and
// owns nothing.
func (w *World) addMembers(a *agency, c *client, place int) {
	id := a.plan.base + int64(place)*10
	first := member{id: id + 1, user: c.users[0].id, name: c.users[0].plan.name}
	second := member{id: id + 2, name: "Team of " + c.plan.name}
	for k, plan := range c.plan.channels {
		owner := &first
		if k == 2 {
			owner = &second
		}
		ch := w.newChannel(a, c, *owner, id*10+int64(k)+1, plan)
		owner.channels = append(owner.channels, ch)
		w.channels = append(w.channels, ch)
	}
	c.members = []member{first}
	if len(second.channels) > 0 {
		c.members = append(c.members, second)
	}
	if place%4 == 3 {
		c.members = append(c.members, member{id: id + 3, name: "Former colleague", inactive: true})
	}
}

func (w *World) newChannel(a *agency, c *client, owner member, id int64, plan channelPlan) *channel {
	key := strconv.FormatInt(id, 10)
	ch := &channel{
		Tenant:   domain.Tenant{ParentAccount: a.id, AccountID: c.id, MemberID: owner.id, SocialAccount: id},
		platform: plan.platform, kind: plan.kind, connection: domain.FirstComputedID + id, client: c,
		name: c.plan.name, username: slug(c.plan.name),
		every: 120*time.Hour + time.Duration(roll(w.cfg.Seed, 6, "every", key))*12*time.Hour,
	}
	switch plan.platform {
	case domain.Facebook:
		ch.externalID = "10" + digits(w.cfg.Seed, 13, "external", key)
	case domain.Instagram:
		ch.externalID = "17841" + digits(w.cfg.Seed, 12, "external", key)
	case domain.LinkedIn:
		ch.externalID = digits(w.cfg.Seed, 9, "external", key)
		if plan.kind == domain.LinkedInProfile {
			ch.name = owner.name
		}
	case domain.TikTok:
		hex := hexID(w.cfg.Seed, "external", key) + "00000000"
		ch.externalID = fmt.Sprintf("%s-%s-%s-%s-%s", hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:32])
	}
	return ch
}

// Register adds every social account to a simulator, which then lists and counts the very posts of this
// world, and people with pages that nobody connected yet; and what goes wrong. It fails when the simulator
// has another seed.
func (w *World) Register(s *simulator.Server) error {
	if s.Seed() != w.cfg.Seed {
		return fmt.Errorf("register accounts: the simulator has seed %d, the demo has %d", s.Seed(), w.cfg.Seed)
	}
	for _, c := range w.channels {
		a := simulator.Account{ID: c.externalID, Name: c.name, Username: c.username, PostsFrom: w.from(), PostEvery: c.every}
		a.Traps.Faults = w.faults(c)
		a.Caption = func(p simulator.Post) string { return w.caption(c, p) }
		s.Add(c.platform, c.kind, a)
	}
	s.SetOutages(w.outages()...)
	s.AddPeople(w.from())
	return nil
}

func (a *agency) subAccounts() []string {
	var out []string
	for _, c := range a.clients {
		out = append(out, c.id)
	}
	return out
}

func (a *agency) users() []user {
	out := append([]user{}, a.staff...)
	for _, c := range a.clients {
		out = append(out, c.users...)
	}
	return out
}

func (a *agency) userIDs() []UserID {
	var out []UserID
	for _, u := range a.users() {
		out = append(out, UserID{ID: u.id, Account: u.account})
	}
	return out
}

func (a *agency) memberIDs() []int64 {
	var out []int64
	for _, c := range a.clients {
		for _, m := range c.members {
			out = append(out, m.id)
		}
	}
	return out
}

// slug is a name as it stands in addresses.
func slug(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "ü", "ue")
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}
