package chaos_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// changer sends changes of one board to one process, and looks at what that says.
type changer struct {
	*stack

	t       *testing.T
	journal *journal
	rng     *rand.Rand
	agency  agency
	board   board
	staff   string
	now     []string
	sent    int
}

// change sends one change, which is answered before whoever sent it would give up: by the change, or by 503 that says when to come back.
func (c *changer) change() *attempt {
	c.t.Helper()
	c.sent++
	next := another(c.rng, c.board.users, c.now, false)
	one := &command{agency: c.agency.id, board: c.board.id, users: next, key: "one of " + time.Now().Format(time.RFC3339Nano)}
	for giveUp := time.Now().Add(patience); ; time.Sleep(pauseAfterRefusal) {
		a := c.journal.begin(one, c.apis[0].base)
		got := c.put(one, a)
		c.journal.end(one, a, got)
		require.NoError(c.t, got.err, "it is answered, however late")
		if a.acknowledged() {
			c.now = next
			return a
		}
		require.Equal(c.t, http.StatusServiceUnavailable, got.status, "%s", got.body)
		require.NotEmpty(c.t, got.retryAfter)
		if got.command == "" {
			require.Contains(c.t, got.message, "Nothing was changed")
			return a
		}
		// Its outcome is open: with its key it is asked for.
		require.True(c.t, time.Now().Before(giveUp), "the outcome of a change stays open: %d %s", got.status, got.body)
	}
}

func (c *changer) put(one *command, a *attempt) answer {
	return ask(context.Background(), patience, http.MethodPut, boardURL(a.at, one.board), c.staff, usersBody(one.users),
		"Idempotency-Key", one.key, "Traceparent", "00-"+a.trace+"-00f067aa0ba902b7-01")
}

// until sends changes until one is answered so.
func (c *changer) until(status int, when string) {
	c.t.Helper()
	for giveUp := time.Now().Add(patience); c.change().status != status; time.Sleep(pauseAfterRefusal) {
		require.True(c.t, time.Now().Before(giveUp), "no change is answered with %d %s", status, when)
	}
}

// ready waits until the process says so, of itself and of writes.
func (c *changer) ready(text string, forWrites int) {
	c.t.Helper()
	var plain, writes answer
	for giveUp := time.Now().Add(patience); ; time.Sleep(pauseAfterRefusal) {
		plain = ask(context.Background(), answeredWithin, http.MethodGet, c.apis[0].base+"/readyz", "", "")
		writes = ask(context.Background(), answeredWithin, http.MethodGet, c.apis[0].base+"/readyz?for=writes", "", "")
		if plain.status == http.StatusOK && writes.status == forWrites {
			break
		}
		require.True(c.t, time.Now().Before(giveUp), "/readyz: %d %s; for writes: %d %s", plain.status, plain.body, writes.status, writes.body)
	}
	require.Contains(c.t, string(writes.body), text)
}

// reads: dashboards are shown all the same.
func (c *changer) reads() {
	c.t.Helper()
	got := ask(context.Background(), patience, http.MethodGet, boardURL(c.apis[0].base, c.board.id), c.staff, "")
	require.NoError(c.t, got.err)
	require.Equal(c.t, http.StatusOK, got.status, "%s", got.body)
	c.journal.saw(seen{c.agency.id, c.board.id, got.version, got.users})
}

// With one broker dead, or frozen, changes go on. With two dead none can be taken: that is said, before and when one is tried, dashboards are
// shown, and it ends by itself when the brokers are back.
func TestBrokersAway(t *testing.T) {
	lasts(t)
	c := &changer{stack: startStack(t, 1), t: t, journal: &journal{seed: 1}, rng: rand.New(rand.NewPCG(1, 0))}
	c.agency = c.world[0]
	c.board = c.agency.boards[0]
	c.staff = c.token(c.agency.staff, c.agency.id, "agency")
	c.until(http.StatusOK, "while all is well")

	leader := c.leader()
	second := 1 + leader%3
	require.NoError(t, c.kill(leader))
	c.until(http.StatusOK, "with one broker dead")
	c.ready(`"status"`, http.StatusOK)
	c.reads()

	require.NoError(t, c.kill(second))
	c.ready("degraded", http.StatusServiceUnavailable)
	c.until(http.StatusServiceUnavailable, "with two brokers dead")
	c.reads()
	require.NoError(t, c.revive(leader, second))
	c.until(http.StatusOK, "after both brokers are back")
	c.ready(`"status"`, http.StatusOK)

	leader = c.leader()
	require.NoError(t, c.cluster.act("freeze", leader))
	c.until(http.StatusOK, "with the leader frozen")
	c.reads()
	require.NoError(t, c.cluster.act("thaw", leader))
	c.until(http.StatusOK, "after it is thawed")

	log := openLog(t.Context(), t, c.cluster.addrs)
	defer log.Close()
	truth, err := c.journal.judge(t.Context(), log, c.world)
	require.NoError(t, err)
	require.Empty(t, truth.found)
	t.Logf("%d changes sent, %d acknowledged", c.sent, c.journal.acknowledged())
}

// leader is the broker that leads the partition of the agency.
func (c *changer) leader() int {
	c.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.cluster.addrs...))
	require.NoError(c.t, err)
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(c.t.Context(), domain.TopicDashboards)
	require.NoError(c.t, err)
	partitions := topics[domain.TopicDashboards].Partitions
	partition := kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte(c.agency.id)}, len(partitions))
	return int(partitions[int32(partition)].Leader)
}
