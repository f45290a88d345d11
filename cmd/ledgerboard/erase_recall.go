package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

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
	before, agency, err := e.recorded(ctx, *person)
	if err != nil || len(before) == 0 {
		return false, err
	}
	var profiles, named []int64
	for _, r := range before {
		profiles, named = append(profiles, r.Profiles...), append(named, r.Named...)
		if !e.before {
			continue
		}
		person.ParentAccount, person.User, person.Members = agency, cmp.Or(person.User, r.User), union(person.Members, r.Members)
		for _, id := range r.Connections {
			if !slices.ContainsFunc(person.Connections, func(c domain.PersonConnection) bool { return c.ID == id }) {
				person.Connections = append(person.Connections, domain.PersonConnection{ID: id})
			}
		}
	}
	there, err := e.socialAccounts(ctx, slices.Concat(profiles, named))
	if err != nil {
		return true, err
	}
	back := func(id int64) bool { return there[id] }
	person.Profiles = union(person.Profiles, slices.DeleteFunc(profiles, back))
	person.Named = union(person.Named, slices.DeleteFunc(named, back))
	return true, e.people.Going(ctx, person)
}

func union(a, b []int64) []int64 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// recorded are the records of erasures of the person, and the key of the last one.
func (e *erasure) recorded(ctx context.Context, person domain.Person) (found []domain.PersonErased, key string, err error) {
	log, err := e.parts.Log(ctx)
	if err != nil {
		return nil, "", err
	}
	var mu sync.Mutex // partitions come in parallel
	err = log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicOperations, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			if r.Header("ce_type") != (domain.PersonErased{}).EventType() {
				continue
			}
			recorded, err := log.Decode(r)
			said, ok := recorded.Data.(domain.PersonErased)
			if err != nil || !ok || !isOf(said, person) {
				continue // what does not decode is parked by the trail
			}
			mu.Lock()
			found, key = append(found, said), recorded.Key
			mu.Unlock()
		}
		return nil
	}})
	if err != nil {
		return nil, "", fmt.Errorf("look for an earlier erasure: %w", err)
	}
	return found, key, nil
}

// isOf tells whether the record is about the person.
func isOf(r domain.PersonErased, p domain.Person) bool {
	if r.User != "" && p.User != "" {
		return r.User == p.User
	}
	return slices.ContainsFunc(r.Members, func(id int64) bool { return slices.Contains(p.Members, id) })
}

// socialAccounts are those of the ids that the directory holds: what was erased and came back since is whoever's has it now.
func (e *erasure) socialAccounts(ctx context.Context, ids []int64) (there map[int64]bool, err error) {
	there = map[int64]bool{}
	if len(ids) == 0 {
		return there, nil
	}
	log, err := e.parts.Log(ctx)
	if err != nil {
		return nil, err
	}
	err = assembly.ScanDirectory(ctx, log, func(recorded domain.Recorded, err error) {
		id, isAccount := strings.CutPrefix(recorded.Key, domain.DirectoryKey(domain.KindSocialAccount, ""))
		if !isAccount {
			return
		}
		if n, bad := strconv.ParseInt(id, 10, 64); bad == nil {
			there[n] = err != nil || recorded.Data != nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read the directory: %w", err)
	}
	return there, nil
}
