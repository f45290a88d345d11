package identity_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/identity"
)

// Vectors of crypt_blowfish: 72 bytes count, and the forms 2a, 2b and 2y are one.
const (
	hashOfUU   = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" // U*U
	hashOfLong = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui" // 72 bytes
	long       = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

func TestPasswordsOfAnotherSystem(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords()
	for name, c := range map[string]struct {
		hash, password string
		right          bool
	}{
		"right":                {hashOfUU, "U*U", true},
		"2b":                   {"$2b$" + hashOfUU[4:], "U*U", true},
		"2y":                   {"$2y$" + hashOfUU[4:], "U*U", true},
		"another":              {hashOfUU, "U*V", false},
		"none":                 {hashOfUU, "", false},
		"a beginning":          {hashOfUU, "U*", false},
		"more than 72 bytes":   {hashOfLong, long + "chars after 72 are ignored", true},
		"of nobody":            {"", "U*U", false},
		"other than 72 bytes":  {hashOfLong, "1" + long[1:], false},
		"64 KiB of a password": {hashOfUU, strings.Repeat("U*U", 22_000), false},
	} {
		right, err := p.Matches(t.Context(), c.hash, c.password)
		require.NoError(t, err, name)
		require.Equal(t, c.right, right, name)
	}
}

func TestHashesThatAreNotChecked(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords()
	require.NoError(t, identity.CheckHash(hashOfUU))
	for name, hash := range map[string]string{
		"argon2": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "sha": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "plain": "U*U", "2x": "$2x" + hashOfUU[3:],
		"too costly": "$2a$15" + hashOfUU[6:], "very costly": "$2a$31" + hashOfUU[6:], "too cheap": "$2a$03" + hashOfUU[6:], "cut": hashOfUU[:59], "more": hashOfUU + "x",
		"a line more": hashOfUU + "\n", "another letter": hashOfUU[:59] + "é",
	} {
		require.ErrorIs(t, identity.CheckHash(hash), identity.ErrHash, name)
		right, err := p.Matches(t.Context(), hash, "U*U")
		require.ErrorIs(t, err, identity.ErrHash, name)
		require.False(t, right, name)
	}
}

// Each step of the cost doubles the work: what is computed adds up to the same for every try that is not right.
func TestWhatIsNotRightCostsTheSame(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords()
	work := func(cost int) (sum int) {
		if cost > 0 {
			sum = 1 << cost
		}
		for _, c := range p.Rest(cost) {
			sum += 1 << c
		}
		return sum
	}
	for cost := range identity.UsualCost + 1 {
		if cost == 0 || cost >= 4 {
			require.Equal(t, 1<<identity.UsualCost, work(cost), cost)
		}
	}
	require.Equal(t, 1<<13, work(13))
	for _, cost := range []int{0, 4, 10, 12, 13} {
		require.Equal(t, 1<<13, work(cost), "a hash of cost 13 was met: %d", cost)
	}
}

// A flood of tries takes no more processors than are given to it, waits in a short row, and is refused beyond that.
func TestFewPasswordsAreCheckedAtOnce(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	end := p.Busy()
	_, err := p.Matches(gone, hashOfUU, "U*U")
	require.ErrorIs(t, err, identity.ErrBusy, "it waited for its turn until its caller went away")
	end()
	end = p.Full()
	_, err = p.Matches(t.Context(), hashOfUU, "U*U")
	require.ErrorIs(t, err, identity.ErrBusy)
	end()
	right, err := p.Matches(t.Context(), hashOfUU, "U*U")
	require.NoError(t, err)
	require.True(t, right)
}
