package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// restoredPrefix is the first line of the statement about a restore; the record of the epoch follows as JSON, without the statement.
const restoredPrefix = "ledgerboard/restored/v1\n"

// restoredText is what is signed of the record of an epoch that a restore begins.
func restoredText(begun domain.EpochBegun) (string, error) {
	restored := *begun.Restored
	restored.Statement, begun.Restored = "", &restored
	raw, err := json.Marshal(begun)
	if err != nil {
		return "", fmt.Errorf("write the statement about a restore: %w", err)
	}
	return restoredPrefix + string(raw) + "\n", nil
}

// SignRestored returns the record of an epoch that a restore begins, with what it says signed.
func SignRestored(begun domain.EpochBegun, signer note.Signer) (domain.EpochBegun, error) {
	text, err := restoredText(begun)
	if err != nil {
		return begun, err
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return begun, fmt.Errorf("sign the statement about a restore: %w", err)
	}
	restored := *begun.Restored
	restored.Statement, begun.Restored = string(signed), &restored
	return begun, nil
}

// checkRestored says why nothing vouches for a restore; nil: a known key has signed what its record says.
func checkRestored(begun domain.EpochBegun, known note.Verifiers) error {
	switch {
	case begun.Restored.Statement == "":
		return errors.New("nobody signed a statement about it (restore --key)")
	case known == nil:
		return errors.New("no key was given to check the statement with")
	}
	text, err := restoredText(begun)
	if err != nil {
		return err
	}
	opened, err := note.Open([]byte(begun.Restored.Statement), known)
	if err != nil {
		return fmt.Errorf("the statement about it is forged, damaged, or signed with a key that was not given: %w", err)
	}
	if opened.Text != text {
		return errors.New("the statement about it is of another restore")
	}
	return nil
}

// withdraw takes those checkpoints out of the book that a signed restore explains: they continue the newest one of the backup, are not in the log, and
// name no epoch as late as that restore's. One that was signed after the restore does, so that the end of the log cannot be cut off under an old
// statement; one that lies before the backup is an ancestor, so that it cannot be taken away.
func (b *book) withdraw() {
	for _, begun := range b.epochs {
		if begun.Restored == nil || checkRestored(begun.EpochBegun, b.known) != nil {
			continue
		}
		last := tlog.Hash{}
		if text := begun.Restored.Checkpoint; text != "" {
			var err error
			if last, err = tlog.ParseHash(text); err != nil {
				continue
			}
		}
		gone := map[tlog.Hash]bool{last: true}
		for more := true; more; { // children may stand before their parents
			more = false
			b.list = slices.DeleteFunc(b.list, func(e *entry) bool {
				if e.inLog || !gone[e.Prev] || e.newestEpoch() >= begun.Number {
					return false
				}
				more, gone[e.id] = true, true
				delete(b.byID, e.id)
				b.withdrawn[e.id] = e
				return true
			})
		}
	}
}

// newestEpoch is the number of the last epoch that a checkpoint names.
func (c Checkpoint) newestEpoch() int {
	if len(c.Epochs) == 0 {
		return 0
	}
	return c.Epochs[len(c.Epochs)-1].Number
}

// restores are the restores of older states that the log tells of: each is a finding for ever, with or without a statement that holds.
func (v *verification) restores() (list []Finding) {
	for _, begun := range v.book.epochs {
		if begun.Restored == nil {
			continue
		}
		f := found(KindRestored, "", "%s", restoredInWords(begun.EpochBegun))
		if err := checkRestored(begun.EpochBegun, v.Known); err != nil {
			f.Differs = []string{"statement"}
			f.Detail += "Nothing vouches for that: " + err.Error() + ". If nobody of yours restored it, somebody has the tag key: see \"An epoch that nobody " +
				"of yours began\" in docs/restore.md"
		} else {
			f.Detail += fmt.Sprintf("The statement is signed. Checkpoints of before that covered withdrawn records, and are explained by such statements: %d",
				len(v.book.withdrawn))
		}
		if v.Parent != "" {
			f.Agency = v.Parent
			for _, s := range begun.Restored.Streams {
				if s.Agency == v.Parent {
					f.Detail += fmt.Sprintf(". Of this agency, versions %d to %d were withdrawn", s.First, s.Last)
				}
			}
		}
		list = append(list, f)
	}
	return list
}

// restoredInWords says what a restore did, as its record has it.
func restoredInWords(begun domain.EpochBegun) string {
	r := begun.Restored
	var what []string
	for _, topic := range slices.Sorted(maps.Keys(r.Records)) {
		what = append(what, fmt.Sprintf("%d records of %s", r.Records[topic], topic))
	}
	if n := len(r.Streams) + r.MoreStreams; n > 0 {
		what = append(what, fmt.Sprintf("versions of %d agencies", n))
	}
	if len(what) == 0 {
		what = []string{"nothing that was counted"}
	}
	reason := string(r.Reason.Code)
	if r.Reason.Ticket != "" {
		reason += ":" + r.Reason.Ticket
	}
	return fmt.Sprintf("an older state of the log was restored at %s by %s (%s), that of a backup of %s. What lay behind it was withdrawn, and its "+
		"versions were given out again: %s, as far as tables and checkpoints knew it. Epoch %d, log id %s. ",
		r.Time.UTC().Format(timeLayout), r.Actor, reason, r.Backup.UTC().Format(timeLayout), strings.Join(what, ", "), begun.Number, begun.Log)
}
