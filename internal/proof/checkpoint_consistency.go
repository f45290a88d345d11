package proof

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Consistent checks that the records of one checkpoint are the first ones of the other's; the proof is that of
// [Prover.Consistency], and not needed for two of one size. Of `operations` it checks what needs no proof: see [ComparedOperations].
// The finding says why they are not; nil: they are. Topics of other ids are no finding: a log that was made anew from its records
// has them, and the records are what is compared.
func Consistent(older, newer Checkpoint, proof tlog.TreeProof) *Finding {
	var err error
	switch {
	case older.Size > newer.Size:
		err = errors.New("the later one covers fewer records")
	case older.Size == newer.Size && older.Root != newer.Root:
		err = errors.New("both cover as many records, and not the same ones")
	case older.Size == newer.Size && (older.HeadCount != newer.HeadCount || older.HeadRoot != newer.HeadRoot):
		err = errors.New("both cover as many records, and other ends of streams")
	case older.HeadCount > newer.HeadCount:
		err = errors.New("the later one covers fewer streams")
	case older.Size > 0 && older.Size < newer.Size:
		err = tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root)
	}
	if err == nil {
		err = operationsContradict(older, newer)
	}
	if err == nil {
		return nil
	}
	return new(found(KindCheckpoint, "", "the checkpoints of %s and %s are not of one log, or the proof is of others (%s): %s",
		older.Time.Format(timeLayout), newer.Time.Format(timeLayout), err,
		cmp.Or(RestoredBetween(older, newer), "somebody with the key signed two histories")))
}

// operationsContradict says what of `operations` two checkpoints say that cannot both be of one log. Of two with as many records of
// dashboards the time says which one is the older.
func operationsContradict(older, newer Checkpoint) error {
	if older.Size == newer.Size && older.Time.After(newer.Time) {
		older, newer = newer, older
	}
	one, two := older.Operations, newer.Operations
	switch {
	case one.Positions == nil:
		return nil
	case one.Size > two.Size:
		return fmt.Errorf("the later one, by its time, covers %d records of operations, the other one %d", two.Size, one.Size)
	case one.Size == two.Size && one.Root != two.Root:
		return errors.New("both cover as many records of operations, and not the same ones")
	default:
		return nil
	}
}

// ComparedOperations says, for people, what [Consistent] compared of `operations` in two checkpoints that it found to be of one log.
// A service proves nothing of that tree, so that of two sizes the number of records alone is held against each other.
func ComparedOperations(older, newer Checkpoint) string {
	one, two := older.Operations, newer.Operations
	var said string
	switch {
	case one.Positions == nil || two.Positions == nil:
		said = "Records of operations (who looked, what operators did) were not compared: one of the two does not cover them."
	case one.Size == two.Size:
		said = fmt.Sprintf("Both cover the same %d records of operations (who looked, what operators did).", one.Size)
	default:
		said = fmt.Sprintf("Of operations (who looked, what operators did) one covers %d records and the other %d; that the former are the first of "+
			"the latter was not compared: 'ledgerboard verify --all' does that.", min(one.Size, two.Size), max(one.Size, two.Size))
	}
	if older.TopicID != newer.TopicID || one.Positions != nil && two.Positions != nil && one.TopicID != two.TopicID {
		said += " They name topics of other ids: between the two a topic was made anew."
	}
	return said
}

// ReadSigned reads the checkpoint of a bundle, or a checkpoint by itself: a signed note. It checks the signature; what else a
// bundle holds, [VerifyBundle] checks. The error wraps [ErrCheckpoint] for what is neither.
func ReadSigned(in io.Reader, known note.Verifiers) (c Checkpoint, isBundle bool, err error) {
	buffered := bufio.NewReader(in)
	if first, _ := buffered.Peek(1); bytes.Equal(first, []byte("{")) {
		check, err := beginBundle(buffered, known)
		if errors.Is(err, errBundle) {
			err = fmt.Errorf("%w: %w", ErrCheckpoint, err)
		}
		if err != nil {
			return c, true, err
		}
		return check.signed, true, nil
	}
	raw, err := io.ReadAll(io.LimitReader(buffered, maxBundleLine))
	if err != nil {
		return c, false, fmt.Errorf("read checkpoint: %w", err)
	}
	c, err = OpenCheckpoint(raw, known)
	return c, false, err
}
