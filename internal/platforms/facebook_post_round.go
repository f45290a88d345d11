package platforms

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// nodeRound reads posts or videos. If the platform refuses a part of a post, the post is requested
// again without that part. Each request is smaller than the previous one, so the round terminates.
type nodeRound struct {
	*facebook
	t       Target
	kind    nodeKind
	initial nodePlan // the first request of each post
	pending []question
	// size is the number of posts per call, at most largest. A batch that fails as a whole is asked
	// again with one post, then with two, and so on: one post may be the reason.
	size, largest int
	noBatch       bool // the platform accepts no batches: posts are read one by one
	results       []PostSnapshot
	failures      row

	allowed map[string]bool     // parts that were read for at least one post
	dropped map[string][]string // by part: the posts that were read without it because it was refused
}

type question struct {
	post    Post
	plan    nodePlan
	retried bool // the platform has already run out of time for this question
}

type nodeAnswer struct {
	question
	timedOut bool
	err      *Error
	node     postNode
}

// readNodes returns the snapshots of the posts that were tried. With an error, their own errors may
// be those of the account.
func (f *facebook) readNodes(ctx context.Context, t Target, k nodeKind, posts []Post) ([]PostSnapshot, error) {
	r := nodeRound{
		facebook: f, t: t, kind: k, initial: f.plan(t, k), size: maxBatch, largest: maxBatch,
		noBatch: !f.refused.allows(edgeBatch, t.ExternalID, k.op),
		allowed: map[string]bool{}, dropped: map[string][]string{},
	}
	for _, p := range posts {
		r.pending = append(r.pending, question{post: p, plan: r.initial})
	}
	for len(r.pending) > 0 {
		before := len(r.results)
		err := r.step(ctx)
		if err == nil {
			err = r.failures.add(r.results[before:]...)
		}
		if err != nil {
			return r.results, err
		}
	}
	r.remember()
	return r.results, nil
}

const edgeBatch = "batch"

// step sends some of the pending questions. Questions that must be asked differently are appended
// to the pending ones.
func (n *nodeRound) step(ctx context.Context) error {
	asked := min(n.size, len(n.pending))
	answers, rest, err := n.ask(ctx, n.pending)
	switch {
	case err == nil:
		if asked > 1 || len(answers) == 1 && answers[0].err == nil {
			n.size = min(2*n.size, n.largest)
		}
	case beyondObject(err) || asked == 1:
		return err
	case oversized(err):
		n.largest = asked / 2
		n.size = n.largest
		return nil
	default:
		n.size = 1
		return nil
	}
	n.pending = rest
	var connectionErr error
	var unknown []question
	for _, a := range answers {
		switch e := a.err; {
		case e == nil:
			if err := n.read(ctx, a.question, a.node); err != nil {
				return err
			}
		case beyondObject(e):
			connectionErr = e // the other answers are valid
		case n.refusesMetrics(a):
			unknown = append(unknown, a.question)
		default:
			n.askLess(a.question, e)
		}
	}
	if connectionErr != nil || len(unknown) == 0 {
		return connectionErr
	}
	return n.probe(ctx, unknown)
}

// refusesMetrics reports whether a post may have been refused because of one of its metrics.
func (n *nodeRound) refusesMetrics(a nodeAnswer) bool {
	if a.plan.skipped != "" {
		return false
	}
	return a.err.Kind() == domain.StatusUnsupportedMetric || n.kind.metrics != nil && !a.plan.probed &&
		a.err.Kind() == domain.StatusInvalid && a.err.Code == codeWrongRequest && badField(a.err) == ""
}

func (n *nodeRound) askLess(q question, e *Error) {
	n.failures.answered = n.failures.answered || e.Kind() == domain.StatusPermission
	field := badField(e)
	switch {
	case e.Kind() == domain.StatusInvalid && q.plan.skipped == "" &&
		(field == n.kind.insights || field == "" && n.kind.metrics == nil):
		q.plan.skipped = domain.StatusInvalid
	case e.Kind() == domain.StatusInvalid && field != "" && !slices.Contains(q.plan.lacks, field):
		q.plan.lacks = append(slices.Clone(q.plan.lacks), field)
	case e.Kind() == domain.StatusPermission && (q.plan.summaries || q.plan.skipped == ""):
		q.plan = q.plan.reduce(n.initial)
	default:
		n.fail(q, e)
		return
	}
	n.pending = append(n.pending, q)
}

// probe determines which metrics the platform refuses for the first of these posts. The other posts
// were refused too, so they are asked without these metrics. If a temporary failure prevents this,
// that post fails: it is not read without insights as if these had been refused.
func (n *nodeRound) probe(ctx context.Context, unknown []question) error {
	var refused []string
	var unclear *Error
	first := unknown[0]
	if !first.plan.probed {
		var err error
		if refused, unclear, err = n.probeMetrics(ctx, first); err != nil {
			return err
		}
	}
	if unclear != nil && len(refused) == 0 {
		n.fail(first, unclear)
		n.pending = append(n.pending, unknown[1:]...)
		return nil
	}
	n.failures.answered = n.failures.answered || unclear == nil
	for _, q := range unknown {
		q.plan = q.plan.withoutRefused(refused)
		q.plan.probed = unclear == nil
		n.pending = append(n.pending, q)
	}
	return nil
}

// probeMetrics requests the metrics of a post one by one. unclear is a temporary failure: it is
// unknown whether the metric is refused. err affects more than this post.
func (n *nodeRound) probeMetrics(ctx context.Context, q question) (refused []string, unclear *Error, err error) {
	var ask []question
	for _, metric := range q.plan.metrics {
		ask = append(ask, question{post: q.post, plan: nodePlan{metrics: []string{metric}}})
	}
	for len(ask) > 0 {
		answers, rest, err := n.ask(ctx, ask)
		if beyondObject(err) {
			return nil, nil, err
		}
		if err != nil {
			return refused, asError(err), nil
		}
		ask = rest
		for _, a := range answers {
			switch {
			case a.err == nil:
			case a.err.Kind() == domain.StatusRetry:
				unclear = a.err
			case beyondObject(a.err):
				err = a.err
			case n.refusesMetrics(a):
				refused = append(refused, a.plan.metrics[0])
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return refused, unclear, nil
}

func outOfTime() *Error {
	return &Error{Reason: domain.StatusRetry, Code: codeTimeout, Message: "the platform ran out of time for this post, twice"}
}

// ask sends as many questions as possible with one call and returns the rest, including questions
// for which the platform ran out of time for the first time.
func (n *nodeRound) ask(ctx context.Context, pending []question) (answers []nodeAnswer, rest []question, err error) {
	all, err := n.call(ctx, pending[:min(n.size, len(pending))])
	if err != nil {
		return nil, nil, err
	}
	rest = slices.Clone(pending[len(all):])
	for _, a := range all {
		if a.timedOut && !a.retried {
			a.retried = true
			rest = append(rest, a.question)
			continue
		}
		if a.timedOut {
			a.err = outOfTime()
		}
		answers = append(answers, a)
	}
	return answers, rest, nil
}

func (n *nodeRound) call(ctx context.Context, questions []question) ([]nodeAnswer, error) {
	if len(questions) == 1 || n.noBatch {
		return n.askOne(ctx, questions[0])
	}
	paths := make([]string, len(questions))
	for i, q := range questions {
		paths[i] = relative(q.post.ID, n.query(q.plan))
	}
	answers, err := n.batch(ctx, n.kind.op, n.t, paths)
	if refusesBatches(err) {
		return n.fallBackToSingle(ctx, questions[0], err)
	}
	if err != nil {
		return nil, err
	}
	out := make([]nodeAnswer, len(answers))
	for i, a := range answers {
		out[i] = nodeAnswer{question: questions[i], timedOut: a.timedOut, err: a.err}
		if a.body != nil && json.Unmarshal(a.body, &out[i].node) != nil {
			out[i].err = malformed()
		}
	}
	return out, nil
}

func (n *nodeRound) askOne(ctx context.Context, q question) ([]nodeAnswer, error) {
	out := nodeAnswer{question: q}
	err := n.get(ctx, n.kind.op, n.t, q.post.ID, n.query(q.plan), &out.node)
	if beyondObject(err) {
		return nil, err
	}
	out.err = asError(err)
	return []nodeAnswer{out}, nil
}

// fallBackToSingle reads a single post after a batch was refused. If this succeeds, the platform
// refuses batches.
func (n *nodeRound) fallBackToSingle(ctx context.Context, first question, refusal error) ([]nodeAnswer, error) {
	n.noBatch = true
	answers, err := n.askOne(ctx, first)
	if err != nil || answers[0].err != nil {
		return answers, err
	}
	n.refused.recordRefusal(edgeBatch, n.kind.op, n.t.ExternalID)
	n.cfg.Logger.WarnContext(ctx, "posts are read one by one: the platform refuses batches",
		slog.String("platform", n.platform.String()), slog.Any("error", refusal))
	return answers, nil
}

func (n *nodeRound) query(plan nodePlan) url.Values {
	return url.Values{"fields": {n.kind.fields(plan)}, "locale": {locale}}
}

func (n *nodeRound) read(ctx context.Context, q question, node postNode) error {
	if string(node.ID) != q.post.ID {
		n.fail(q, &Error{Reason: domain.StatusRetry, Code: codeMalformed, Message: "the answer does not contain this post"})
		return nil
	}
	if q.plan.skipped == domain.StatusInvalid && n.kind.metrics == nil {
		// Insights are not a field of this node, so they are requested from their edge, without
		// metrics and a period: a single retired metric would make the call fail, and reels have no
		// period.
		err := n.get(ctx, "video_insights", n.t, q.post.ID+"/video_insights", url.Values{}, &node.VideoInsights.v)
		if beyondObject(err) {
			return err
		}
		q.plan.edgeErr = asError(err)
	}
	n.tally(q)
	snap := PostSnapshot{Post: q.post}
	n.kind.read(&snap, node, q.plan)
	n.results = append(n.results, snap)
	return nil
}

func (n *nodeRound) fail(q question, e *Error) {
	e.Platform, e.Op = n.platform, n.kind.op
	n.results = append(n.results, PostSnapshot{Post: q.post, Err: e})
}

func (n *nodeRound) tally(q question) {
	note := func(part string, requested, read bool) {
		if read {
			n.allowed[part] = true
		} else if requested {
			n.dropped[part] = append(n.dropped[part], q.post.ID)
		}
	}
	requested := n.initial.skipped == ""
	note(partSummaries, n.initial.summaries, q.plan.summaries)
	note(partInsights, requested && q.plan.skipped == domain.StatusPermission, q.plan.skipped == "")
	note(n.kind.insights, requested && q.plan.skipped == domain.StatusInvalid, q.plan.skipped == "")
	for _, metric := range q.plan.refused {
		note(metric, slices.Contains(n.initial.metrics, metric), false)
	}
	for _, metric := range q.plan.metrics {
		note(metric, false, q.plan.skipped == "")
	}
}

// remember records the parts that are not requested for this account for a while: those that were
// refused for two posts of the round and read for none. A part that was refused for one post may be
// missing or forbidden only for that post.
func (n *nodeRound) remember() {
	for part, posts := range n.dropped {
		isMetric := slices.Contains(n.initial.metrics, part)
		switch {
		case n.allowed[part]:
		case part == partSummaries || part == partInsights:
			if len(posts) > 1 {
				n.unpermitted.recordRefusal(n.kind.edge, part, n.t.permissions())
			}
		case len(posts) > 1, isMetric && n.single.confirm(n.kind.edge, part, n.t.ExternalID, posts[0]):
			n.refused.recordRefusal(n.kind.edge, part, n.t.ExternalID)
		}
	}
}
