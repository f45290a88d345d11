package proof

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// grounds tells of each record of one stream whether it was decided on what the log gives: an edit of the tables by hand
// gets into the log by the next honest change of that dashboard, and shows here for ever.
//
// A projection leaves out what it cannot fold, and what an operator skipped; so did the commands that decided on its tables.
// The rule here is theirs as far as it can be told from the log: behind a record that cannot be folded, and behind a skip of
// one that was folded here, nothing is compared. Only a skip that comes right behind such a record ends that.
type grounds struct {
	stuck   bool
	at      int64   // offset of the record that cannot be folded
	behind  bool    // another change came after it
	skipped []int64 // offsets that were skipped
	// blind says that nothing of this stream is compared any more.
	blind bool
}

// decided returns the dashboards that a change was decided on and that are others in the log before it. compared is false when
// that cannot be told: the record does not say it, or the stream is not compared here.
func (g *grounds) decided(change domain.DashboardChange, before map[string]domain.Dashboard) (others []string, compared bool) {
	if g.stuck || g.blind {
		g.behind = true
		return nil, false
	}
	return change.DecidedOnOthers(before)
}

// cannotFold notes a record that was left out of the fold.
func (g *grounds) cannotFold(offset int64) {
	if g.stuck {
		g.behind = true
		return
	}
	g.stuck, g.at = true, offset
}

// skip notes an operator's word to leave a record out.
func (g *grounds) skip(at domain.Position) {
	switch {
	case slices.Contains(g.skipped, at.Offset): // a second word changes nothing
	case g.stuck && !g.behind && g.at == at.Offset:
		g.stuck, g.skipped = false, append(g.skipped, at.Offset)
	default:
		g.blind = true
	}
}

// folded is what a record did to the dashboards of its stream.
type folded struct {
	change    domain.DashboardChange // zero for a record that is none
	revisions []domain.DashboardRevision
	others    []string // dashboards that it was decided on and that are others in the log
	compared  bool
}

// take folds a record that counts, unread says why its payload could not be read.
func (g *grounds) take(f *fold, e *domain.Recorded, unread error, head domain.StreamHead) (done folded, err error) {
	if unread != nil {
		g.cannotFold(e.Offset)
		return done, unread
	}
	if skip, ok := e.Data.(domain.ParkedSkipped); ok {
		g.skip(skip.Position)
		return done, nil
	}
	event, ok := e.Data.(domain.DashboardEvent)
	if !ok {
		g.cannotFold(e.Offset)
		return done, nil
	}
	done.change = event.Change()
	done.others, done.compared = g.decided(done.change, f.dashboards)
	if done.revisions, err = f.revise(done.change, head.Version, head.Time); err != nil {
		g.cannotFold(e.Offset)
		return folded{change: done.change}, err
	}
	return done, nil
}
