package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// secretRest is how long a secret must have lain untouched before it is deleted. A deleted connection may be
// imported again, and an import stores the token just before it appends the connection.
const secretRest = time.Hour

// secretOwner is a connection.
type secretOwner struct {
	refs []string // that it ever named
	gone bool     // its last record is a tombstone
}

// ForgetSecrets deletes the tokens of connections that the main application has deleted, and tells how many there were. Only a
// tombstone in the log counts as deleted; a missing record or row does not. A ref that something else names which is not
// deleted stays. Directory hands over the records of topic directory, those of one key in their order; the error is of one
// that cannot be decoded, whose key is there all the same. DeleteStale is that of [KeptEraser].
func ForgetSecrets(
	ctx context.Context, directory func(ctx context.Context, each func(domain.Recorded, error)) error,
	deleteStale func(ctx context.Context, gone []int64, refs []string, before time.Time) (int, error), now time.Time,
) (int, error) {
	owners := map[string]*secretOwner{}
	if err := directory(ctx, func(r domain.Recorded, err error) { noteOwner(owners, r, err) }); err != nil {
		return 0, fmt.Errorf("read the directory: %w", err)
	}
	used := map[string]bool{}
	var refs []string
	var gone []int64
	for key, owner := range owners {
		if owner.gone {
			refs = append(refs, owner.refs...)
			_, id, _ := domain.SplitDirectoryKey(key)
			if n, bad := strconv.ParseInt(id, 10, 64); bad == nil {
				gone = append(gone, n)
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
	deleted, err := deleteStale(ctx, gone, slices.Compact(refs), now.Add(-secretRest))
	if err != nil {
		return deleted, fmt.Errorf("delete secrets of what was deleted: %w", err)
	}
	return deleted, nil
}

func noteOwner(owners map[string]*secretOwner, r domain.Recorded, err error) {
	kind, id, notOurs := domain.SplitDirectoryKey(r.Key)
	if notOurs != nil || kind != domain.KindConnection {
		return
	}
	owner := owners[r.Key]
	if owner == nil {
		// The record that named it may be compacted away; this is how imports call it.
		owner = &secretOwner{refs: []string{importedRef(id)}}
		owners[r.Key] = owner
	}
	switch data := r.Data.(type) {
	case nil:
		if err != nil { // it may be anything
			owner.gone = false
			return
		}
	case domain.DirectoryConnection:
		owner.refs = append(owner.refs, data.SecretRef)
	default: // not of an entity
		return
	}
	owner.gone = r.Data == nil
}

// importedRef is the ref under which imports store the tokens of a connection that names none.
func importedRef(id string) string { return "connection/" + id }
