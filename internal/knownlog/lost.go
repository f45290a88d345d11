package knownlog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// MaxLost is how much of what would be lost is named.
const MaxLost = 50

// Lost is what a database knows of the log, and a backup lacks.
type Lost struct {
	Tables map[string]map[int32]int64 // records that tables have folded, by topic and partition
	// Streams are versions of dashboards that tables or notices' cursors know, by agency in the order of their ids.
	Streams []domain.WithdrawnVersions
	Epochs  []vault.Epoch // that began after the backup's newest
}

// Lost compares what the database knows with a backup; versions are the agencies' last ones in that.
func (k Known) Lost(m *backup.Manifest, versions map[string]int64) (lost Lost) {
	lost.Tables = beyond(k.Tables, m)
	for _, agency := range slices.Sorted(maps.Keys(k.Versions)) {
		if known, has := k.Versions[agency], versions[agency]; known > has {
			lost.Streams = append(lost.Streams, domain.WithdrawnVersions{Agency: agency, First: has + 1, Last: known})
		}
	}
	if epochs, err := m.Epochs(); err == nil {
		newest := epochs[len(epochs)-1].Number
		lost.Epochs = slices.DeleteFunc(slices.Clone(k.Epochs), func(e vault.Epoch) bool { return e.Number <= newest })
	}
	return lost
}

// Records counts what tables have folded, by topic.
func (l Lost) Records() map[string]int64 {
	records := map[string]int64{}
	for topic, partitions := range l.Tables {
		for _, n := range partitions {
			records[topic] += n
		}
	}
	return records
}

// Words names it for people.
func (l Lost) Words() (lost []string) {
	records := l.Records()
	for _, topic := range slices.Sorted(maps.Keys(records)) {
		lost = append(lost, fmt.Sprintf("topic %s: %d records in %d partitions that tables have folded", topic, records[topic], len(l.Tables[topic])))
	}
	for _, e := range l.Epochs {
		lost = append(lost, fmt.Sprintf("epoch %d of the log (id %s), which an earlier restore has begun", e.Number, e.Log))
	}
	for _, s := range l.Streams {
		lost = append(lost, fmt.Sprintf("agency %s: versions %d to %d of its dashboards", s.Agency, s.First, s.Last))
	}
	return lost
}
