//go:build e2e

package e2e_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

const checkpointEvent = "operations.checkpoint_signed.v1"

// checkpoint returns where the last checkpoint lies.
func (l records) checkpoint(s *scene) (partition, at int) {
	s.t.Helper()
	for p, list := range l["operations"] {
		for i, r := range slices.Backward(list) {
			if header(r, "ce_type") == checkpointEvent {
				return p, i
			}
		}
	}
	require.FailNow(s.t, "the log has no checkpoint")
	return 0, 0
}

// forge appends another checkpoint: the last one, changed and signed.
func (s *scene) forge(l records, key string, tagged bool, change func(text string) string) {
	s.t.Helper()
	p, i := l.checkpoint(s)
	forged := copyOf(l["operations"][p][i])
	var value map[string]any
	require.NoError(s.t, json.Unmarshal(forged.Value, &value))
	text, _, _ := strings.Cut(value["note"].(string), "\n\n")
	signer, err := note.NewSigner(key)
	require.NoError(s.t, err)
	signed, err := note.Sign(&note.Note{Text: change(text + "\n")}, signer)
	require.NoError(s.t, err)
	value["note"] = string(signed)
	forged.Value, err = json.Marshal(value)
	require.NoError(s.t, err)
	setHeader(forged, "ce_id", "checkpoint-forged")
	if tagged {
	}
	l["operations"][p] = append(l["operations"][p], forged)
}

// line replaces the rest of a checkpoint's line that begins so.
func line(text, begins, rest string) string {
	lines := strings.SplitAfter(text, "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], begins) {
			lines[i] = begins + rest + "\n"
		}
	}
	return strings.Join(lines, "")
}

// later says that a checkpoint is of some other time.
func later(text string) string {
	return line(text, "time ", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// otherRoot is a checkpoint of another history.
func otherRoot(text string) string {
	return line(text, "heads 2 ", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
}

// signAnew takes all checkpoints out of the log and signs another one over what is there.
func (s *scene) signAnew(file string) {
	s.t.Helper()
	s.rewrite(func(l records) {
		for p, list := range l["operations"] {
			l["operations"][p] = slices.DeleteFunc(list, func(r *kgo.Record) bool { return header(r, "ce_type") == checkpointEvent })
		}
	})
	s.sign(file)
}

// sign signs a checkpoint over what is there.
func (s *scene) sign(file string) { s.signAt(file, time.Now) }

// signAt is the same by another clock.
func (s *scene) signAt(file string, now func() time.Time) {
	s.t.Helper()
	signer, public, err := proof.ParseKey(s.signer)
	require.NoError(s.t, err)
	known, err := proof.ParseVerifiers(public)
	require.NoError(s.t, err)
	s.onBrokerAt(func(addrs []string) {
		log, err := eventlog.Open(s.t.Context(), s.asItIs(addrs))
		require.NoError(s.t, err)
		_, signed, err := proof.NewSigner(proof.SignerConfig{
			Source: log, Append: log.Append, File: proof.File{Path: file}, Key: signer, Known: known, Now: now, Every: time.Hour,
			Logger: slog.New(slog.DiscardHandler),
		}).Sign(s.t.Context())
		require.NoError(s.t, err)
		require.True(s.t, signed)
		require.NoError(s.t, log.Close())
	})
}

// anotherHistory makes the agency's chain anew from a covered version on, with tags that are right.
func (s *scene) anotherHistory(back int) {
	s.t.Helper()
	s.rewrite(func(l records) {
		list, i := l.find(s, back)
		setHeader(list[i], "ce_actor", "000000000000000000000000")
		l.chain(s, versionOf(list[i]))
	})
}

func checkpointAttacks() []attack {
	last := func(s *scene) string { return filepath.Join(s.dir, "checkpoints.txt") }
	return []attack{
		{name: "a checkpoint in the log is replaced", by: brokers, shows: "is missing from the log", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				p, i := l.checkpoint(s)
				r := l["operations"][p][i]
				r.Value = []byte(strings.Replace(string(r.Value), "ledgerboard/dashboards/", "ledgerboard/dashboards/0", 1))
			})
		}},
		{name: "a checkpoint is withheld", by: brokers, shows: "is missing from the log", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				p, i := l.checkpoint(s)
				l["operations"][p] = slices.Delete(l["operations"][p], i, i+1)
			})
		}},
		{name: "a checkpoint is taken out of the file", by: "operator", shows: "is not in the file; the signing process copies it", never: "CHECKPOINT", do: func(s *scene) {
			raw, err := os.ReadFile(last(s))
			require.NoError(s.t, err)
			at := strings.LastIndex(string(raw), "ledgerboard/dashboards/")
			require.NoError(s.t, os.WriteFile(last(s), raw[:at], 0o600))
		}},
		{name: "log and file are rolled back to an old checkpoint, and the tables remember more", by: "operator", shows: "TRUNCATED", never: clean, code: finding, do: func(s *scene) {
			s.take(s.older)
		}},
		{name: "a checkpoint is forked, over the same history", by: keyThief, shows: "is void: another one after the same predecessor stands before it", never: "CHECKPOINT", do: func(s *scene) {
			s.rewrite(func(l records) { s.forge(l, s.signer, true, later) })
		}},
		{name: "a checkpoint is forked, over another history", by: keyThief, shows: "CHECKPOINT", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) { s.forge(l, s.signer, true, otherRoot) })
		}},
		{name: "a checkpoint that was published is pushed aside by another one of the same history", by: keyThief, shows: "does not count any more", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				p, i := l.checkpoint(s)
				s.forge(l, s.signer, true, later)
				list := l["operations"][p]
				l["operations"][p] = slices.Insert(list[:len(list)-1:len(list)-1], i, list[len(list)-1])
			})
		}},
		{name: "a checkpoint is dated ahead, so that it never gets old", by: keyThief, shows: "ahead of the clock here", never: clean, code: finding, args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.signAt(last(s), func() time.Time { return time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) })
		}},
		{name: "another history is signed, and the file was kept", by: keyThief, shows: "is missing from the log", never: clean, code: finding, args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.anotherHistory(200)
			s.signAnew(filepath.Join(s.t.TempDir(), "other.txt"))
		}},
		{name: "another history is signed, and the tables remember", by: keyThief, shows: "TABLES agency ", never: clean, code: finding, do: func(s *scene) {
			s.anotherHistory(200)
			require.NoError(s.t, os.Remove(last(s)))
			s.signAnew(last(s))
		}},
		{name: "another history is signed, and nobody kept anything", by: keyThief, shows: clean, never: "REWRITTEN", args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.anotherHistory(200)
			require.NoError(s.t, os.Remove(last(s)))
			s.signAnew(last(s))
		}},
		{name: "an old bundle is shown", by: "operator", shows: clean, never: "compared with the tables", args: []string{"--bundle"}, do: func(s *scene) {
			s.args = []string{"--bundle", s.past}
		}},
		{name: "an old bundle is shown with a newer checkpoint", by: "operator", shows: "it is not the record that was signed", never: clean, code: finding, args: []string{"--bundle"}, do: func(s *scene) {
			old, err := os.ReadFile(s.past)
			require.NoError(s.t, err)
			newer, err := os.ReadFile(s.bundle)
			require.NoError(s.t, err)
			_, rest, _ := strings.Cut(string(old), "\n")
			first, _, _ := strings.Cut(string(newer), "\n")
			file := filepath.Join(s.dir, "bundle.jsonl")
			require.NoError(s.t, os.WriteFile(file, []byte(first+"\n"+rest), 0o600))
			s.args = []string{"--bundle", file}
		}},
	}
}

// producerAttacks are those of somebody who may produce to the topics, and has every right on the brokers too.
func producerAttacks() []attack {
	return []attack{
		{name: "a record is put between two", by: producer, shows: "INSERTED agency ", never: clean, code: finding, do: func(s *scene) {
			s.rewrite(func(l records) {
				list, i := l.find(s, 200)
				forged := copyOf(list[i])
				setHeader(forged, "ce_actor", "000000000000000000000000")
				l["dashboards"][l.of(s)] = slices.Insert(list, i, forged)
			})
		}},
		{name: "a covered chain is written again, and the tables remember it", by: producer, shows: "REWRITTEN agency ", never: clean, code: finding, do: func(s *scene) {
			s.anotherHistory(200)
		}},
		{name: "a covered chain is written again", by: producer, shows: "CHECKPOINT", never: clean, code: finding, args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.anotherHistory(200)
		}},
		{name: "an end that no checkpoint covers is written again, and the tables remember it", by: producer, shows: "ALTERED agency ", never: clean, code: finding, do: func(s *scene) {
			s.anotherHistory(1)
		}},
		{name: "an end that neither checkpoint nor table remembers is written again", by: producer, shows: cutUnseen, never: "REWRITTEN", args: []string{"--all", "--log-only"}, do: func(s *scene) {
			s.anotherHistory(1)
		}},
		{name: "a record of another time is added", by: producer, shows: "OUT OF TIME", never: clean, code: finding, do: func(s *scene) {
			s.addOf2099()
			s.sign(filepath.Join(s.dir, "checkpoints.txt"))
		}},
		{name: "a record of another time is added, and no checkpoint covers it yet", by: producer, shows: clean, never: "OUT OF TIME", do: func(s *scene) {
			s.addOf2099()
		}},
	}
}

// addOf2099 adds a genuine record to operations once more, for another time.
func (s *scene) addOf2099() {
	s.t.Helper()
	s.rewrite(func(l records) {
		p, i := l.checkpoint(s)
		i = slices.IndexFunc(l["operations"][p][:i], func(r *kgo.Record) bool { return header(r, "ce_type") == "audit.read.v1" })
		forged := copyOf(l["operations"][p][i])
		setHeader(forged, "ce_time", "2099-01-01T00:00:00Z")
		setHeader(forged, "ce_id", "forged")
		l["operations"][p] = append(l["operations"][p], forged)
	})
}
