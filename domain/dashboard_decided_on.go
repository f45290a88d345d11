package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Digest is what a record says of a dashboard that it was decided on: hex SHA-256 over "ledgerboard
// dashboard v1" and every field, each text behind its length and each list behind its number of entries (8 bytes, big-endian),
// times in microseconds. Rows of the tables and a fold of the log give the same.
func (d *Dashboard) Digest() string {
	digits := d.digest()
	return string(digits[:])
}

func (d *Dashboard) digest() (digits [2 * sha256.Size]byte) {
	b := append(make([]byte, 0, 1024), "ledgerboard dashboard v1"...)
	b = appendText(b, d.DocumentID)
	b = appendText(b, d.SubAccountID)
	b = appendText(b, d.ParentAccount)
	for _, list := range [...][]string{d.SubAccountIDs, d.Users, d.MainPOC, d.Scopes} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(list)))
		for _, s := range list {
			b = appendText(b, s)
		}
	}
	if b = append(b, 0); d.AllowClientDashboard {
		b[len(b)-1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, uint64(d.CreatedAt.UnixMicro())) // tables hold whole microseconds
	b = binary.BigEndian.AppendUint64(b, uint64(d.UpdatedAt.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Version))
	sum := sha256.Sum256(b)
	hex.Encode(digits[:], sum[:])
	return digits
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...)
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
		d, there := present[id]
		if digits := d.digest(); !there || string(digits[:]) != digest {
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
