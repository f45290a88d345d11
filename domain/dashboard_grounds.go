package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"
)

// Digest is what a record says of a dashboard that it was decided on: hex SHA-256 over "ledgerboard
// dashboard v1" and every field, each text behind its length and each list behind its number of entries (8 bytes, big-endian),
// times in microseconds. Rows of the tables and a fold of the log give the same.
func (d *Dashboard) Digest() string {
	b := make([]byte, 0, 1024)
	text := func(s string) { b = append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...) }
	list := func(of []string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(of)))
		for _, s := range of {
			text(s)
		}
	}
	// Tables hold whole microseconds.
	instant := func(t time.Time) { b = binary.BigEndian.AppendUint64(b, uint64(t.UnixMicro())) }
	b = append(b, "ledgerboard dashboard v1"...)
	text(d.DocumentID)
	text(d.SubAccountID)
	text(d.ParentAccount)
	list(d.SubAccountIDs)
	list(d.Users)
	list(d.MainPOC)
	list(d.Scopes)
	if b = append(b, 0); d.AllowClientDashboard {
		b[len(b)-1] = 1
	}
	instant(d.CreatedAt)
	instant(d.UpdatedAt)
	b = binary.BigEndian.AppendUint64(b, uint64(d.Version))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// decidedOn is [DashboardChange.DecidedOn] of a change that was decided on these facts.
func (f DashboardFacts) decidedOn(c DashboardChange) map[string]string {
	digests := map[string]string{}
	for _, id := range c.Touched() {
		if d, there := f.Dashboards[id]; there {
			digests[id] = d.Digest()
		}
	}
	return digests
}

// DecidedOnOthers holds the change against the dashboards that the log gives before it, and returns, in order, the
// sub-accounts whose dashboard was another one when the change was decided: another content, or there and not there. told is
// false when the change does not say of each dashboard that it touches what it was decided on. An import decides on the log
// itself and has nothing to tell.
func (c DashboardChange) DecidedOnOthers(present map[string]Dashboard) (others []string, told bool) {
	for id, digest := range c.DecidedOn {
		if d, there := present[id]; !there || d.Digest() != digest {
			others = append(others, id)
		}
	}
	for id := range c.Created {
		if _, there := present[id]; there {
			others = append(others, id)
		}
	}
	told = c.imported != nil || !slices.ContainsFunc(c.Touched(), func(id string) bool {
		_, digested := c.DecidedOn[id]
		_, created := c.Created[id]
		return !digested && !created
	})
	slices.Sort(others)
	return slices.Compact(others), told
}
