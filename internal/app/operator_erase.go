package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// PeopleProjections are the projections that contain what there is to erase of a person, and who was
// erased.
var PeopleProjections = []string{projectors.Directory.Name, projectors.Contents.Name, projectors.Operations.Name}

// erasure is what there is to erase of a person.
type erasure struct {
	person       domain.Person
	erasedBefore bool // the person is no longer in the directory
	deleted      int  // number of secrets to delete
	kept         int  // number of secrets that others use
}

func (e *erasure) report(done bool) operator.Erasure {
	report := operator.Erasure{
		PersonErased: e.person.Erased(), ParentAccount: e.person.ParentAccount, Shared: domain.ConnectionIDs(e.person.Shared),
		Secrets: e.deleted, KeptSecrets: e.kept, Erased: done, Before: e.erasedBefore,
	}
	report.Accounts = nil // they are in the record
	return report
}

// PreviewErasure implements [api.OperatorService].
func (o *Operators) PreviewErasure(ctx context.Context, in api.Erase) (operator.Erasure, error) {
	e, err := o.erasure(ctx, in)
	return e.report(false), err
}

// Erase implements [api.OperatorService].
func (o *Operators) Erase(ctx context.Context, c commands.Caller, in api.Erase) (report operator.Erasure, err error) {
	e, err := o.erasure(ctx, in)
	if err != nil {
		return report, err
	}
	people := directory.People{Pool: o.parts.ReadPool}
	erase := commands.ErasePerson{
		By: c, Append: o.parts.Log.AppendBulk, Kept: vault.NewEraser(o.parts.KeptPool), Order: in.Order, Now: time.Now,
		Contents: people.ContentsOf,
		Folded: func(ctx context.Context) error {
			return awaitShown(ctx, o.parts.engines, in.Wait, PeopleProjections, "")
		},
	}
	if o.acted != nil {
		defer o.acted(ctx)
	}
	if e.erasedBefore {
		err = erase.EraseRest(ctx, e.person)
	} else {
		err = erase.Erase(ctx, e.person)
	}
	if err == nil {
		err = awaitShown(ctx, o.parts.engines, in.Wait, ProjectionsOfPeople(), "The erasure is in the log. ")
	}
	return e.report(err == nil), err
}

// ProjectionsOfPeople returns the projections that contain personal data or figures of people.
// Histories only keep ids.
func ProjectionsOfPeople() []string {
	names := slices.Clone(PeopleProjections)
	for _, p := range projectors.All() {
		if slices.Contains(p.Types, domain.AccountErased{}.EventType()) {
			names = append(names, p.Name)
		}
	}
	return names
}

// erasure finds what there is to erase of a person, once the tables show the log.
func (o *Operators) erasure(ctx context.Context, in api.Erase) (e erasure, err error) {
	if err := awaitShown(ctx, o.parts.engines, in.Wait, PeopleProjections, "Nothing was erased. "); err != nil {
		return e, err
	}
	people := directory.People{Pool: o.parts.ReadPool}
	e.person, err = findPerson(ctx, people, in.User, in.Member)
	if e.erasedBefore = errors.Is(err, directory.ErrPersonNotFound); err != nil && !e.erasedBefore {
		return e, err
	}
	if e.erasedBefore {
		e.person = domain.Person{User: in.User}
		if in.Member > 0 {
			e.person.Members = []int64{in.Member}
		}
	}
	recorded, err := e.recall(ctx, o, people)
	switch {
	case err != nil:
		return e, err
	case e.erasedBefore && !recorded:
		return e, o.noErasure(ctx)
	}
	unlisted := slices.DeleteFunc(slices.Clone(in.SocialAccounts), func(id int64) bool {
		return slices.Contains(e.person.SocialAccountsToErase(), id)
	})
	if len(unlisted) > 0 {
		if err := people.Name(ctx, &e.person, unlisted); err != nil {
			return e, err
		}
	}
	e.deleted, e.kept, err = vault.NewEraser(o.parts.KeptPool).Secrets(ctx, domain.ConnectionIDs(e.person.Connections),
		domain.SecretRefs(e.person.Connections), domain.SecretRefs(e.person.Shared))
	return e, err
}

// recall adds what is recorded about earlier erasures of the person, so that repeating an interrupted
// erasure finds the rest. If the directory no longer contains the person, it adds all ids. The tables
// show the log.
func (e *erasure) recall(
	ctx context.Context, o *Operators, people directory.People,
) (recorded bool, err error) {
	person, tables := &e.person, directory.Lookup{Pool: people.Pool, Registry: o.parts.events}
	requested := *person
	var profiles, named, members, connections []int64
	err = tables.EachErasure(ctx, func(agency string, _ time.Time, r domain.PersonErased) {
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
	if err != nil || !recorded {
		return false, err
	}
	// An entity that was erased and created again belongs to its new owner. This asks the log, because
	// tables lack records that this version cannot decode, and those of a newer version may be live.
	present := map[string]bool{}
	err = ScanTopic(ctx, o.parts.Log, domain.TopicDirectory, func(r domain.Recorded, err error) {
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
	return true, people.AddSocialAccountsToErase(ctx, person)
}

// errUnreadableErasure is [ErrUnreadableErasure] as operators see it: without what the record contains.
var errUnreadableErasure = domain.NewError(domain.CodeConflict,
	"An erasure in the log cannot be decoded, so it is not known whom it concerns. 'ledgerboard dead-letters' lists the record.")

// Erasures implements [api.OperatorService], with [Erasures].
func (o *Operators) Erasures(ctx context.Context) ([]domain.ErasedID, error) {
	lines, err := Erasures(ctx, o.parts.Log)
	if errors.Is(err, ErrUnreadableErasure) {
		err = fmt.Errorf("%w (%w)", errUnreadableErasure, err)
	}
	return lines, err
}

// noErasure is the error for a person whom neither the directory nor a recorded erasure has.
func (o *Operators) noErasure(ctx context.Context) error {
	letters, err := o.DeadLetters(ctx, operator.DeadLetterFilter{Projection: projectors.Operations.Name})
	for _, letter := range letters {
		if letter.Type == (domain.PersonErased{}).EventType() {
			return fmt.Errorf("%w (dead letter %s)", errUnreadableErasure, letter.ID)
		}
	}
	return cmp.Or(err, error(directory.ErrPersonNotFound))
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
