package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// recall adds what the log says of erasures of the person that went before, so that a repetition finds what an interrupted one left: the
// profiles whose records are gone, and what their posts say; of a person that the directory holds no more all of its ids. It tells whether
// there was one.
func (e *erasure) recall(ctx context.Context, person *domain.Person) (recorded bool, err error) {
	if e.before {
		*person = domain.Person{User: e.User}
		if e.Member > 0 {
			person.Members = []int64{e.Member}
		}
	}
	log, err := e.parts.Log(ctx)
	if err != nil {
		return false, err
	}
	asked := *person
	var profiles, named, members, connections []int64
	err = assembly.EachErasure(ctx, log, func(agency string, _ time.Time, r domain.PersonErased) {
		if !isOf(r, asked) {
			return
		}
		recorded = true
		profiles, named = append(profiles, r.Profiles...), append(named, r.Named...)
		if e.before {
			person.ParentAccount, person.User = agency, cmp.Or(person.User, r.User)
			members, connections = append(members, r.Members...), append(connections, r.Connections...)
		}
	})
	if err != nil || !recorded {
		return false, err
	}
	// What was erased and came back since belongs to its new owner. What cannot be decoded may be anything, and counts as there.
	there := map[string]bool{}
	err = assembly.ScanDirectory(ctx, log, func(r domain.Recorded, err error) { there[r.Key] = err != nil || r.Data != nil })
	if err != nil {
		return true, fmt.Errorf("read the directory: %w", err)
	}
	gone := func(kind string, ids []int64) []int64 {
		return slices.DeleteFunc(ids, func(id int64) bool { return there[domain.DirectoryKey(kind, strconv.FormatInt(id, 10))] })
	}
	person.Members = union(person.Members, gone(domain.KindMember, members))
	for _, id := range union(nil, gone(domain.KindConnection, connections)) {
		if !slices.ContainsFunc(person.Connections, func(c domain.PersonConnection) bool { return c.ID == id }) {
			person.Connections = append(person.Connections, domain.PersonConnection{ID: id})
		}
	}
	person.Profiles = union(person.Profiles, gone(domain.KindSocialAccount, profiles))
	person.Named = union(person.Named, gone(domain.KindSocialAccount, named))
	return true, e.people.Going(ctx, person)
}

func union(a, b []int64) []int64 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func isOf(r domain.PersonErased, p domain.Person) bool {
	if r.User != "" && p.User != "" {
		return r.User == p.User
	}
	return slices.ContainsFunc(r.Members, func(id int64) bool { return slices.Contains(p.Members, id) })
}

func (c eraseCommand) list(ctx context.Context, s streams) error {
	return c.reading(ctx, c.logger(s), func(log *eventlog.Log) error {
		lines, err := assembly.Erasures(ctx, log)
		out := json.NewEncoder(s.Out)
		for _, line := range lines {
			err = cmp.Or(err, out.Encode(line))
		}
		return err
	})
}

// repeat erases what the file names and the log holds from before the instant.
func (c eraseCommand) repeat(ctx context.Context, s streams) error {
	lines, err := readErasures(c.From)
	if err != nil {
		return usageError{err}
	}
	if err := errors.Join(c.needLog(), c.needTables()); err != nil {
		return usageError{err}
	}
	reason, err := c.confirm(s, fmt.Sprintf("repeat %d erasures of %s: what was written before their instants goes for good", len(lines), c.From))
	if err != nil {
		return err
	}
	return withParts(c.backends(c.logger(s)), func(parts *assembly.Parts) error {
		if _, err := parts.Log(ctx); err != nil { // before the database is touched
			return err
		}
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		appended, err := parts.EraseAgain(ctx, domain.NewErasures(lines), reason)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "Repeated %d erasures: %d records appended. The tables follow when the service folds them.\n", len(lines), appended)
		return nil
	})
}

// readErasures reads what --list printed. An error names the line that is wrong: a list that is read in part would erase in part.
func readErasures(path string) (lines []domain.ErasedID, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of erasures: %w", err)
	}
	for i, text := range bytes.Split(raw, []byte("\n")) { // whole: a line of any length is read or refused
		var line domain.ErasedID
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		err := json.Unmarshal(text, &line)
		if err == nil && (line.Kind == "" || line.ID == "" || line.At.IsZero()) {
			err = errors.New("kind, id or at is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w; nothing was erased", path, i+1, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}
