package demo

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func (w *World) put(entities ...domain.DirectoryEntity) { w.entities = append(w.entities, entities...) }

// buildDirectory writes the entities, each after those that it names.
func (w *World) buildDirectory() {
	for i, name := range categories {
		w.put(domain.DirectoryCategory{ID: int64(i + 1), Name: name})
	}
	for _, a := range w.agencies {
		w.putAccounts(a)
		for i, u := range a.users() {
			w.putUser(a, u, i)
		}
		w.putOrders(a)
		for _, c := range a.clients {
			w.putSubscriptions(a, c)
			w.putMembers(c)
		}
	}
	for _, c := range w.channels {
		w.putChannel(c)
	}
	for _, a := range w.agencies {
		for _, c := range a.clients {
			for _, m := range c.members {
				if len(m.channels) > 0 {
					w.put(domain.DirectoryDefaultAccount{MemberID: m.id, SocialAccount: m.channels[0].SocialAccount})
				}
			}
		}
	}
	w.putPlanned()
}

func (w *World) putAccounts(a *agency) {
	p := a.plan
	logo := ""
	if p.logo != nil {
		logo = "data:image/png;base64," + base64.StdEncoding.EncodeToString(p.logo)
	}
	w.put(domain.DirectoryAccount{
		ID: a.id, RowID: p.row, Name: p.name, Email: "hello@" + p.domain, Phone: phone(p.row, 0), Address: p.address,
		CustomDomain: p.customDomain, WhiteLabelURL: "https://dashboards.example.org/" + slug(p.name), Color: p.colour, Logo: logo, Active: true,
	})
	for _, c := range a.clients {
		w.put(domain.DirectoryAccount{
			ID: c.id, RowID: c.row, ParentAccount: a.id, Name: c.plan.name, Email: "office@" + clientDomain(c),
			Phone: phone(c.row, 0), Address: c.plan.address, Active: true,
		})
	}
}

func clientDomain(c *client) string { return slug(c.plan.name) + ".example.com" }

// phone is one of the numbers that are kept for fiction.
func phone(row int64, extension int) string {
	return fmt.Sprintf("+1 202-555-01%02d ext. %d", row%100, extension)
}

func (w *World) putUser(a *agency, u user, place int) {
	host, company, row := a.plan.domain, a.plan.name, a.plan.row
	for _, c := range a.clients {
		if c.id == u.account {
			host, company, row = clientDomain(c), c.plan.name, c.row
		}
	}
	handle := slug(u.plan.name)
	created := w.from().Add(-time.Duration(30+roll(w.cfg.Seed, 150, "user since", u.id)) * day)
	entity := domain.DirectoryUser{
		ID: u.id, AccountID: u.account, Name: u.plan.name, Email: handle + "@" + host, Phone: phone(row, place+1),
		Image: simulator.PictureURL(simulator.PicturePerson, u.id), Role: u.plan.role, Company: company, IsOwner: u.plan.owner,
		Active: !u.plan.inactive, ResetPending: u.plan.reset, CreatedAt: created, UpdatedAt: created,
	}
	if u.account == a.id {
		entity.MeetingLink = "https://meet.example.com/" + handle
	}
	w.put(entity)
	w.putSessions(u, created)
}

// putSessions gives a user up to four sign-ins; who left has not been here for long.
func (w *World) putSessions(u user, created time.Time) {
	if u.plan.noLogin {
		return
	}
	last := w.cfg.Anchor
	if u.plan.inactive {
		last = w.from()
	}
	for i := range 1 + roll(w.cfg.Seed, 4, "sessions", u.id) {
		n := strconv.Itoa(i)
		ago := time.Duration(1+roll(w.cfg.Seed, 20*24*60, "session", u.id, n)) * time.Minute
		if at := last.Add(-ago); at.After(created) {
			w.put(domain.DirectorySession{ID: hexID(w.cfg.Seed, "session", u.id, n), UserID: u.id, LoginAt: at})
		}
	}
}

func (w *World) putOrders(a *agency) {
	for _, c := range a.clients {
		for i, o := range c.plan.orders {
			assigned := make([]string, 0, len(o.assigned))
			for _, place := range o.assigned {
				assigned = append(assigned, a.staff[place].id)
			}
			w.put(domain.DirectoryOrder{
				ID: hexID(w.cfg.Seed, "order", c.id, strconv.Itoa(i)), Buyer: c.id, Seller: a.id,
				ProductType: o.product, AssignedUsers: assigned,
			})
		}
	}
}

func (w *World) putSubscriptions(a *agency, c *client) {
	for i, s := range c.subscriptions {
		entity := domain.DirectorySubscription{ID: c.row*10 + int64(i) + 1, AccountID: c.id, Plan: s.plan, StartsAt: s.from}
		if s.price > 0 {
			entity.PriceMinor, entity.Currency = new(s.price), a.plan.currency
		}
		if !s.until.IsZero() {
			entity.EndsAt = new(s.until)
		}
		w.put(entity)
	}
}

func (w *World) putMembers(c *client) {
	for _, m := range c.members {
		w.put(domain.DirectoryMember{ID: m.id, AccountID: c.id, UserID: m.user, Name: m.name, Active: !m.inactive})
	}
}

// putChannel writes a connection and its social account. Each connection has one account only,
// because the simulator's tokens are of one account each. Page tokens and the simulator's TikTok
// tokens do not end; Instagram's and LinkedIn's live 60 days.
func (w *World) putChannel(c *channel) {
	connected := w.from().Add(-20 * day)
	entity := domain.DirectoryConnection{
		ID: c.connection, MemberID: c.MemberID, Platform: c.platform, AccountType: c.kind, SecretRef: domain.HandedOverRef(c.connection),
		CreatedAt: connected, UpdatedAt: connected,
	}
	if ends := w.tokenEnds(c); !ends.IsZero() {
		entity.UpdatedAt, entity.ExpiresAt = ends.Add(-tokenLife), &ends
	}
	w.put(entity, domain.DirectorySocialAccount{
		ID: c.SocialAccount, ParentAccount: c.ParentAccount, AccountID: c.AccountID, MemberID: c.MemberID, ConnectionID: c.connection,
		Platform: c.platform, AccountType: c.kind, ExternalID: c.externalID, Name: c.name, Connected: true,
		CreatedAt: connected, UpdatedAt: connected,
	})
}

// tokenLife is how long tokens of Instagram and LinkedIn live.
const tokenLife = 60 * day

// tokenEnds is when the token of a channel ends, which was renewed in the last weeks, or ended before the anchor; zero: never.
func (w *World) tokenEnds(c *channel) time.Time {
	if lost := w.lostAt(c); !lost.IsZero() {
		return lost
	}
	if c.platform != domain.Instagram && c.platform != domain.LinkedIn {
		return time.Time{}
	}
	return w.cfg.Anchor.Add(-time.Duration(1+roll(w.cfg.Seed, 20, "renewed", c.Key())) * day).Add(tokenLife)
}

// putPlanned ties planned posts to their categories, and plans a post per channel that is yet to come.
func (w *World) putPlanned() {
	n := map[int64]int64{}
	id := func(c *channel) int64 {
		n[c.SocialAccount]++
		return c.SocialAccount*1000 + n[c.SocialAccount]
	}
	for _, p := range w.posts {
		if p.category > 0 {
			w.put(domain.DirectoryPlannedPost{
				ID: id(p.channel), AccountID: p.channel.AccountID, SocialAccount: p.channel.SocialAccount,
				ExternalID: p.ID, CategoryID: p.category, ScheduledAt: new(p.Created.Truncate(time.Minute)),
			})
		}
	}
	for _, c := range w.channels {
		at := w.cfg.Anchor.Add(time.Duration(1+roll(w.cfg.Seed, 14, "to come", c.Key())) * day).Truncate(time.Hour)
		w.put(domain.DirectoryPlannedPost{
			ID: id(c), AccountID: c.AccountID, SocialAccount: c.SocialAccount,
			CategoryID: int64(1 + roll(w.cfg.Seed, len(categories), "to come in", c.Key())), ScheduledAt: &at,
		})
	}
}
