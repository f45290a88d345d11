package proof_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A record that lies behind a checkpoint and says that it is much older, or that is of tomorrow, is signed for, listed and told.
func TestRecordsOutOfTimeAreListed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at     time.Duration // of the record, from the checkpoint before it
		listed bool
	}{
		"now":                    {time.Second, false},
		"a quarter before":       {-15 * time.Minute, false},
		"more than a quarter":    {-15*time.Minute - time.Second, true},
		"last year":              {-365 * 24 * time.Hour, true},
		"a minute ahead":         {2 * time.Minute, false}, // the next checkpoint is a minute later
		"more than a minute":     {2*time.Minute + time.Second, true},
		"in a year, and a month": {400 * 24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.signer(t)
			first := w.sign(t, s)
			w.began = first.Time.Add(c.at - time.Second)
			r := w.change(t, agencies[0])
			place := domain.Position{Topic: domain.TopicDashboards, Partition: eventlog.PartitionOf(r.Key, testPartitions)}
			looks := w.now
			w.now = first.Time.Add(c.at)
			w.looked(t, agencies[1], 1)
			w.now = looks

			signed := w.sign(t, s)
			report := w.verify(t, w.memory)
			if !c.listed {
				require.Zero(t, signed.OutOfTime)
				require.Empty(t, report.Findings)
				return
			}
			require.Equal(t, int64(2), signed.OutOfTime.Count)
			require.Equal(t, place, signed.OutOfTime.Places[0])
			require.Equal(t, domain.TopicOperations, signed.OutOfTime.Places[1].Topic)
			require.Len(t, report.Findings, 2)
			f := of(t, report, agencies[0])
			require.Equal(t, proof.KindOutOfTime, f.Kind)
			require.Equal(t, []any{place.Partition, place.Offset}, []any{*f.Partition, *f.Offset})
			require.Contains(t, f.Detail, first.Time.Add(c.at).Format(time.RFC3339))

			own := w.verify(t, w.memory, func(cfg *proof.VerifyConfig) { cfg.Parent = agencies[0] })
			require.Len(t, own.Findings, 1, "an agency is told of its own")
			looked := w.verify(t, w.memory, func(cfg *proof.VerifyConfig) { cfg.Parent = agencies[1] })
			require.Len(t, looked.Findings, 1, "and of who looked at it")
			require.Equal(t, agencies[1], looked.Findings[0].Agency)
			other := w.verify(t, w.memory, func(cfg *proof.VerifyConfig) { cfg.Parent = agencies[2] })
			require.Empty(t, other.Findings)

			w.began = w.now
			w.heads[agencies[0]] = domain.StreamHead{}
			w.change(t, agencies[2])
			require.Zero(t, w.sign(t, s).OutOfTime, "it is listed once, and what follows is signed")
			require.Len(t, w.verify(t, w.memory).Findings, 2)
		})
	}
}

// However many they are: a hundred are named, all are counted.
func TestManyRecordsOutOfTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	first := w.sign(t, s)
	w.began = first.Time.Add(-time.Hour)
	for range 130 {
		w.change(t, agencies[0])
	}
	signed := w.sign(t, s)
	require.Equal(t, int64(130), signed.OutOfTime.Count)
	require.Len(t, signed.OutOfTime.Places, 100)
	again, err := proof.ParseCheckpoint(signed.Text())
	require.NoError(t, err)
	require.Equal(t, signed, again)
	report := w.verify(t, w.memory)
	require.Len(t, report.Findings, 100)
	require.Contains(t, report.Notes[0], "counts 30 more records")
}

// follow appends a change that is as little later than the one before it as it can be, as writers do whose clock is behind that.
func (w *world) follow(t *testing.T, agency string) {
	t.Helper()
	head := w.heads[agency]
	w.began = head.Time.Add(time.Microsecond - time.Duration(head.Version+1)*time.Second)
	w.change(t, agency)
}

// A process whose clock is two hours ahead makes one change: that one is listed, and none of the honest ones that come after it.
func TestOneWrongClockAccusesOneChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	w.change(t, agencies[0])
	first := w.sign(t, s)
	w.began = first.Time.Add(2 * time.Hour)
	ahead := w.change(t, agencies[0])
	w.follow(t, agencies[0])
	w.follow(t, agencies[0])
	signed := w.sign(t, s)
	require.Equal(t, int64(1), signed.OutOfTime.Count)
	require.Equal(t, eventlog.PartitionOf(ahead.Key, testPartitions), signed.OutOfTime.Places[0].Partition)
	require.Equal(t, int64(1), signed.OutOfTime.Places[0].Offset)
	w.follow(t, agencies[0])
	require.Zero(t, w.sign(t, s).OutOfTime, "the signer knows the head that the checkpoint before covers")
	w.follow(t, agencies[0])
	require.Zero(t, w.sign(t, w.signer(t)).OutOfTime, "and one that starts anew reads it")
	report := w.verify(t, w.memory)
	require.Len(t, report.Findings, 1)
	require.Equal(t, proof.KindOutOfTime, report.Findings[0].Kind)

	w.began = w.now.Add(3 * time.Hour)
	w.change(t, agencies[0])
	require.Equal(t, int64(1), w.sign(t, s).OutOfTime.Count, "one that is further ahead than it need be")
}

// What is written into the past is listed, however near to the change before it: no honest writer goes back.
func TestAChangeRightAfterAnOldOneIsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	w.change(t, agencies[0])
	w.now = w.now.Add(time.Hour)
	w.sign(t, s)
	w.follow(t, agencies[0])
	require.Equal(t, int64(1), w.sign(t, s).OutOfTime.Count)
}
