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

// recall adds what the log records about earlier erasures of the person, so that repeating an
// interrupted erasure finds the rest. If the directory no longer contains the person, it adds all
// ids.
func (e *erasure) recall(ctx context.Context, person *domain.Person) (recorded bool, err error) {
	if e.erasedBefore {
		*person = domain.Person{User: e.User}
		if e.Member > 0 {
			person.Members = []int64{e.Member}
		}
	}
	log, err := e.parts.Log(ctx)
	if err != nil {
		return false, err
	}
	requested := *person
	var profiles, named, members, connections []int64
	err = assembly.EachErasure(ctx, log, func(agency string, _ time.Time, r domain.PersonErased) {
		if !concerns(r, requested) {
			return
		}
		recorded = true
		profiles, named = append(profiles, r.Profiles...), append(named, r.Named...)
		if e.erasedBefore {
			person.ParentAccount, person.User = agency, cmp.Or(person.User, r.User)
			members, connections = append(members, r.Members...), append(connections, r.Connections...)
		}
	})
	if errors.Is(err, assembly.ErrUnreadableErasure) { // it must not prevent other erasures
		e.log.WarnContext(ctx, "erasures in the log", "error", err)
		err = nil
	}
	if err != nil || !recorded {
		return false, err
	}
	// An entity that was erased and created again belongs to its new owner. An entity that cannot
	// be decoded is treated as present.
	present := map[string]bool{}
	err = assembly.ScanTopic(ctx, log, domain.TopicDirectory, func(r domain.Recorded, err error) {
		present[r.Key] = err != nil || r.Data != nil
	})
	if err != nil {
		return true, fmt.Errorf("read the directory: %w", err)
	}
	missing := func(kind string, ids []int64) []int64 {
		return slices.DeleteFunc(ids, func(id int64) bool {
			return present[domain.DirectoryKey(kind, strconv.FormatInt(id, 10))]
		})
	}
	person.Members = union(person.Members, missing(domain.KindMember, members))
	for _, id := range union(nil, missing(domain.KindConnection, connections)) {
		if !slices.ContainsFunc(person.Connections, func(c domain.PersonConnection) bool { return c.ID == id }) {
			person.Connections = append(person.Connections, domain.PersonConnection{ID: id})
		}
	}
	person.Profiles = union(person.Profiles, missing(domain.KindSocialAccount, profiles))
	person.Named = union(person.Named, missing(domain.KindSocialAccount, named))
	return true, e.people.AddSocialAccountsToErase(ctx, person)
}

func union(a, b []int64) []int64 {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

func concerns(r domain.PersonErased, p domain.Person) bool {
	if r.User != "" && p.User != "" {
		return r.User == p.User
	}
	return slices.ContainsFunc(r.Members, func(id int64) bool { return slices.Contains(p.Members, id) })
}

func (c eraseCommand) list(ctx context.Context, s streams) error {
	return c.withExistingLog(ctx, s, func(log *eventlog.Log) error {
		lines, err := assembly.Erasures(ctx, log)
		out := json.NewEncoder(s.Out)
		for _, line := range lines {
			err = cmp.Or(err, out.Encode(line))
		}
		return err
	})
}

func (c eraseCommand) repeat(ctx context.Context, s streams) error {
	lines, err := readErasures(c.From)
	if err != nil {
		return usageError{err}
	}
	if err := c.needLogAndTables(); err != nil {
		return err
	}
	reason, err := c.confirm(s, fmt.Sprintf("repeat the %d erasures in %s: "+
		"all data of the erased entities from before the time of each erasure is permanently erased",
		len(lines), c.From))
	if err != nil {
		return err
	}
	return withParts(c.backends(c.logger(s)), func(parts *assembly.Parts) error {
		if _, err := parts.Log(ctx); err != nil { // fails before the database is changed
			return err
		}
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		appended, err := parts.EraseAgain(ctx, domain.NewErasures(lines), reason)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "Repeated %d erasures: %d records appended. "+
			"The tables show the erasures when the service has folded these records.\n", len(lines), appended)
		return nil
	})
}

// readErasures reads the output of --list. Any invalid line is an error, because a partial list
// would leave some entities unerased.
func readErasures(path string) (lines []domain.ErasedID, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of erasures: %w", err)
	}
	n := 0
	for text := range bytes.Lines(raw) { // not a Scanner: lines have no length limit
		n++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var line domain.ErasedID
		err := json.Unmarshal(text, &line)
		if err == nil && (line.Kind == "" || line.ID == "" || line.At.IsZero()) {
			err = errors.New("kind, id or at is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w; nothing was erased", path, n, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}
