package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// secretRest is the minimum age of a secret before it is deleted. A deleted connection may be
// imported again, and an import stores the token just before it appends the connection.
const secretRest = time.Hour

// secretOwner is a connection that named secrets.
type secretOwner struct {
	refs    []string // all refs that it ever named
	deleted bool     // its last record is a tombstone
}

// ForgetSecrets deletes the tokens of connections that the main application has deleted, and
// returns their number. Only a tombstone in the log counts as a deletion; a missing record or row
// does not. A ref that is also used by a connection that is not deleted stays. directory passes the
// records of topic directory to each, those of one key in order. The error is set for a record that
// cannot be decoded, with its key. deleteStale is that of [KeptEraser].
func ForgetSecrets(
	ctx context.Context, directory func(ctx context.Context, each func(domain.Recorded, error)) error,
	deleteStale func(ctx context.Context, deletedIDs []int64, refs []string, before time.Time) (int, error), now time.Time,
) (int, error) {
	owners := map[string]*secretOwner{}
	if err := directory(ctx, func(r domain.Recorded, err error) { noteOwner(owners, r, err) }); err != nil {
		return 0, fmt.Errorf("read the directory: %w", err)
	}
	used := map[string]bool{}
	var refs []string
	var deletedIDs []int64
	for key, owner := range owners {
		if owner.deleted {
			refs = append(refs, owner.refs...)
			_, id, _ := domain.SplitDirectoryKey(key)
			if n, err := strconv.ParseInt(id, 10, 64); err == nil {
				deletedIDs = append(deletedIDs, n)
			}
			continue
		}
		for _, ref := range owner.refs {
			used[ref] = true
		}
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool { return ref == "" || used[ref] })
	if len(refs) == 0 {
		return 0, nil
	}
	slices.Sort(refs)
	deleted, err := deleteStale(ctx, deletedIDs, slices.Compact(refs), now.Add(-secretRest))
	if err != nil {
		return deleted, fmt.Errorf("delete secrets of deleted connections: %w", err)
	}
	return deleted, nil
}

func noteOwner(owners map[string]*secretOwner, r domain.Recorded, err error) {
	kind, id, keyErr := domain.SplitDirectoryKey(r.Key)
	if keyErr != nil || kind != domain.KindConnection {
		return
	}
	owner := owners[r.Key]
	if owner == nil {
		// The record that named the ref may be compacted away; imports use this one.
		owner = &secretOwner{refs: []string{importedRef(id)}}
		owners[r.Key] = owner
	}
	switch data := r.Data.(type) {
	case nil:
		if err != nil { // it may be of any kind
			owner.deleted = false
			return
		}
	case domain.DirectoryConnection:
		owner.refs = append(owner.refs, data.SecretRef)
	default: // not an entity
		return
	}
	owner.deleted = r.Data == nil
}

// importedRef returns the ref under which imports store the tokens of a connection that names none.
func importedRef(id string) string { return "connection/" + id }
