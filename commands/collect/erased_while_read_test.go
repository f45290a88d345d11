package collect_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// watchedKept calls waits when an erasure finds that an account is being read.
type watchedKept struct {
	commands.KeptEraser
	waits func()
}

func (k watchedKept) Reading(ctx context.Context, accounts []int64) (bool, error) {
	reading, err := k.KeptEraser.Reading(ctx, accounts)
	if reading {
		k.waits()
	}
	return reading, err
}

// A reading that runs while a person is erased appends texts after the erasure has looked for them.
func TestTextsOfAReadingThatRunsDuringAnErasureAreErased(t *testing.T) {
	t.Parallel()
	started, answer := make(chan struct{}), make(chan struct{})
	post := publishedAgo("1", time.Hour)
	post.Content = "Erna was here"
	client := &scripted{page: func(string) (platforms.PostsPage, error) {
		close(started)
		<-answer
		return platforms.PostsPage{Posts: []platforms.Post{post}}, nil
	}}
	s := newFetchStage(t, client.use)
	profile := s.connect(domain.LinkedIn, domain.LinkedInProfile)
	s.log.Put(t, domain.DirectoryMember{ID: 5, AccountID: north, Name: "Erna", Active: true})
	people := directory.People{Pool: s.log.DB.ReadOnly}

	claim := s.claim(s.collect, domain.FetchPosts, domain.LinkedIn)
	var work errgroup.Group
	work.Go(func() error { return s.collect.Work(t.Context(), claim) })
	<-started
	person, err := people.OfMember(t.Context(), 5)
	require.NoError(t, err)
	require.Equal(t, []int64{profile.ID}, person.Profiles)
	require.Empty(t, person.Contents)

	waited := sync.OnceFunc(func() {
		require.Empty(t, s.claim(s.collect, domain.FetchAccounts, domain.LinkedIn).Accounts, "no further reading begins")
		close(answer)
	})
	require.NoError(t, commands.ErasePerson{
		Append: func(ctx context.Context, drafts []domain.Draft) error {
			return errors.Join(s.log.AppendBatch(ctx, drafts)...)
		},
		Folded:   func(context.Context) error { return nil }, // the log of tests folds what it appends
		Contents: people.ContentsOf,
		Kept:     watchedKept{vault.NewEraser(s.pool), waited}, Now: s.clock.Now,
	}.Erase(t.Context(), person))
	require.NoError(t, work.Wait())
	require.Len(t, s.log.Records(domain.TopicContents), 2, "the text, and its tombstone")
	require.Zero(t, s.number(`select count(*) from post_contents`))
	record := logged[domain.PersonErased](s, domain.TopicOperations)
	require.Len(t, record, 1)
	require.Equal(t, 1, record[0].Contents, "the record counts it")
	require.Zero(t, s.number(`select count(*) from kept.fetch_state where social_account_id = $1`, profile.ID))
}
