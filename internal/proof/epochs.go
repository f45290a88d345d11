package proof

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// EpochName names one epoch of a log: its number, the log's id and the id of its tag key. Where it begins, its record on `operations` says.
type EpochName struct {
	Number   int
	Log, Key string
}

func namesOf(list []EpochName) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = fmt.Sprintf("%d:%s:%s", e.Number, e.Log, e.Key)
	}
	return strings.Join(texts, ",")
}

// parseEpochNames reads what namesOf wrote; what it cannot read is zero.
func parseEpochNames(text string) (list []EpochName) {
	for part := range strings.SplitSeq(text, ",") {
		number, rest, _ := strings.Cut(part, ":")
		var e EpochName
		e.Number, _ = strconv.Atoi(number)
		e.Log, e.Key, _ = strings.Cut(rest, ":")
		list = append(list, e)
	}
	return list
}

// begun is the record of an epoch.
type begun struct {
	domain.EpochBegun

	where string // for people: where it was found
}

// begin takes the record of an epoch in, if it is one that the log is judged by. Another one, which whoever holds the tag key can write, would else stand
// in the way of a restore to come: its statement would explain nothing, and no checkpoint would be signed any more.
func (b *book) begin(said domain.EpochBegun, r eventlog.Record, where string) {
	var list []domain.EpochBegun
	for _, e := range b.epochs {
		list = append(list, e.EpochBegun)
	}
	if eventlog.Continues(list, said, r) {
		b.epochs = append(b.epochs, begun{said, where})
	}
}

// names are the epochs of the log.
func (b *book) names() (list []EpochName) {
	for _, e := range b.epochs {
		list = append(list, EpochName{e.Number, e.Log, e.Key})
	}
	return list
}

// lacks finds an epoch that the log does not have.
func (b *book) lacks(list []EpochName) (first EpochName, lacks bool) {
	names := b.names()
	for _, e := range list {
		if !slices.Contains(names, e) {
			return e, true
		}
	}
	return first, false
}
