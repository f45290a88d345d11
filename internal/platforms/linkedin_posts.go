package platforms

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
)

const linkedInPage = 100 // maximum number of posts, pages or names per call

type linkedInPost struct {
	ID        text  `json:"id"`
	Text      text  `json:"commentary"`
	Created   count `json:"createdAt"`   // UTC milliseconds
	Published count `json:"publishedAt"` // UTC milliseconds
	State     text  `json:"lifecycleState"`
	Content   maybe[struct {
		Media maybe[struct {
			ID text `json:"id"`
		}] `json:"media"`
	}] `json:"content"`
	Ad maybe[struct {
		Dark flag `json:"isDsc"`
	}] `json:"adContext"`
}

// Posts lists the posts of a company page. The posts of a profile cannot be listed, because the
// scope is not available: the main application registers them.
func (l *linkedIn) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	urn, err := l.targetURN("posts", t)
	if err != nil || urn == "" {
		return PostsPage{}, err
	}
	start := 0
	position, secondLook := strings.CutSuffix(cursor, emptyOnce)
	if position != "" {
		if start, err = strconv.Atoi(position); err != nil || start < 0 || start > 1_000_000 {
			return PostsPage{}, invalid(l.platform, "posts", "cursor is invalid")
		}
	}
	var reply struct {
		Elements completeList[linkedInPost] `json:"elements"`
		linkedInPaging
	}
	query := fmt.Sprintf("q=author&author=%s&count=%d&start=%d&sortBy=CREATED", urnIn(urn), linkedInPage, start)
	if err := l.get(ctx, "posts", t, "posts", query, &reply); err != nil {
		return PostsPage{}, err
	}
	var page PostsPage
	for _, item := range reply.Elements.list {
		if post, ok := item.post(); ok {
			page.add(post)
		}
	}
	switch {
	case !reply.Elements.ok:
		return page, incompleteAnswer(l.platform, "posts", "the answer does not contain the posts")
	case len(reply.Elements.list) > 0 || reply.hasNext():
		page.Next = strconv.Itoa(start + linkedInPage)
	case !secondLook:
		page.Next = strconv.Itoa(start) + emptyOnce
	}
	return page, nil
}

// emptyOnce marks the cursor of a page that was empty. It is requested once more.
const emptyOnce = ":empty"

// linkedInPaging says whether a list goes on. A page may be short in the middle of a list, because
// elements are withheld after the page was cut, and paging.total is unreliable: without a `next`
// link, only an empty page is the last one. A page in the middle of a list has been observed empty
// once, so it is requested again.
type linkedInPaging struct {
	Paging maybe[struct {
		Total count          `json:"total"`
		Links list[pageLink] `json:"links"`
	}] `json:"paging"`
}

type pageLink struct {
	Rel text `json:"rel"`
}

func (l linkedInPaging) hasNext() bool {
	return slices.Contains(l.Paging.v.Links, pageLink{Rel: "next"})
}

// post omits drafts and dark ads. Versions before 2026 report edited posts as PUBLISHED_EDITED.
func (l linkedInPost) post() (Post, bool) {
	id := string(l.ID)
	published := l.State == "" || strings.HasPrefix(string(l.State), "PUBLISHED")
	if _, ok := unionKey(id); !ok || bool(l.Ad.v.Dark) || !published {
		return Post{}, false
	}
	p := Post{
		ID: id, Type: TypePost, Content: plainText(string(l.Text)), Permalink: "https://www.linkedin.com/feed/update/" + id,
		PublishedAt: cmp.Or(milliTime(l.Published), milliTime(l.Created)),
	}
	switch media := string(l.Content.v.Media.v.ID); {
	case strings.HasPrefix(media, "urn:li:video:"):
		p.Type = TypeVideo
	case strings.HasPrefix(media, "urn:li:image:"):
		p.Type = TypePhoto
	}
	return p, true
}

var memberPostMetrics = append(
	slices.Clone(memberMetrics), memberReach, memberMetric{query: "POST_SAVE", name: domain.MetricSaves},
)

const maxShares = 40 // posts per call, so that their URNs fit into a URL

func (l *linkedIn) PostMetrics(ctx context.Context, t Target, posts []Post) ([]PostSnapshot, error) {
	urn, err := l.targetURN("post_metrics", t)
	if err != nil {
		return nil, err
	}
	if urn == "" {
		return inParts(posts, 1, func(part []Post) ([]PostSnapshot, error) {
			snap, err := l.memberPost(ctx, t, part[0])
			return []PostSnapshot{snap}, err
		})
	}
	return l.pagePosts(ctx, t, urn, posts)
}

// pagePosts reads posts of a company page. A post that is missing from the answer had no activity
// and gets zeros: one of the two exceptions. A post that had figures, or that is older than the
// statistics, is unknown instead. A deleted post is left out, or refuses the call with 400, 403 or
// 404 (public connectors, November 2026): then the posts are requested alone, and a post that is
// refused although the statistics of the page and of other posts can be read does not exist.
func (l *linkedIn) pagePosts(ctx context.Context, t Target, urn string, posts []Post) ([]PostSnapshot, error) {
	var out []PostSnapshot
	var valid []Post
	for _, p := range posts {
		if _, ok := unionKey(p.ID); !ok {
			err := invalid(l.platform, "page_posts", "id is not the URN of a share or ugcPost")
			out = append(out, PostSnapshot{Post: p, Err: err})
			continue
		}
		valid = append(valid, p)
	}
	r := liReading{linkedIn: l, reading: reading{t: t}, urn: urn}
	pageReadable := sync.OnceValue(func() error {
		_, err := r.shares(ctx, "page_statistics", "")
		return err
	})
	answered := false
	refused := map[*Error]domain.StatusCode{} // posts that are refused although the statistics of the page can be read
	snaps, err := inParts(valid, maxShares, func(part []Post) ([]PostSnapshot, error) {
		reply, err := r.shares(ctx, "page_posts", postLists(part))
		if kind := KindOf(err); len(part) == 1 && (kind == domain.StatusPermission || kind == domain.StatusInvalid) {
			if refusal := pageReadable(); refusal == nil {
				e := asError(err)
				refused[e], e.Reason = e.Reason, domain.StatusNotFound
			} else if beyondObject(refusal) {
				err = refusal
			}
		}
		if err != nil {
			return nil, err
		}
		answered = true
		byURN := map[string]shareElement{}
		complete := reply.Elements.ok && !reply.truncated()
		for _, e := range reply.Elements.list {
			id := string(e.Share + e.UGCPost)
			complete = complete && id != "" // otherwise it may be one of the requested posts
			if !r.isAboutPage(e) {
				e.Total = maybe[shareCounts]{} // the post has activity, but these are not its numbers
			}
			byURN[id] = e
		}
		read := make([]PostSnapshot, len(part))
		for i, p := range part {
			read[i] = sharePost(p, byURN, complete && l.neverActive(p))
		}
		return read, nil
	})
	if answered {
		clear(refused)
	}
	for e, reason := range refused { // such calls may work for no post
		e.Reason = reason
	}
	return append(out, snaps...), err
}

func postLists(posts []Post) string {
	kinds := map[string][]string{}
	for _, p := range posts {
		key, _ := unionKey(p.ID)
		kinds[key] = append(kinds[key], p.ID)
	}
	query := ""
	if len(kinds["share"]) > 0 {
		query += "&shares=" + listOf(kinds["share"])
	}
	if len(kinds["ugc"]) > 0 {
		query += "&ugcPosts=" + listOf(kinds["ugc"])
	}
	return query
}

// neverActive reports whether a post that an answer omits has had no activity: statistics go back a
// rolling twelve months, and answers have been observed that omit active posts.
func (l *linkedIn) neverActive(p Post) bool {
	return !p.HadFigures && p.PublishedAt.After(l.cfg.Now().AddDate(0, -historyMonths, 0))
}

// sharePost returns the snapshot of a post. If zero is true and the answer omits the post, its
// numbers are 0.
func sharePost(p Post, byURN map[string]shareElement, zero bool) PostSnapshot {
	s := PostSnapshot{Post: p}
	e, active := byURN[p.ID]
	for _, m := range shareMetrics {
		switch {
		case m.name == domain.MetricEngagement: // computed from its parts
		case !active && zero:
			*domain.MetricOf(&s.Counts, m.name) = new(int64)
		default:
			s.put(m.name, e.Total.v.value(m.source).signed(), domain.StatusNoData)
		}
	}
	return s
}

func (l *linkedIn) memberPost(ctx context.Context, t Target, p Post) (PostSnapshot, error) {
	snap := PostSnapshot{Post: p}
	key, ok := unionKey(p.ID)
	if !ok {
		snap.Err = invalid(l.platform, "member_post", "id is not the URN of a share or ugcPost")
		return snap, nil
	}
	var failure error
	for _, m := range memberPostMetrics {
		reply, err := l.analytics(ctx, "member_post", t, m, "entity&entity=("+key+":"+urnIn(p.ID)+")", "TOTAL")
		switch kind := KindOf(err); {
		case err == nil:
			snap.put(m.name, reply.total(m.query).ptr(), domain.StatusNoData)
		case beyondObject(err), kind == domain.StatusPermission, kind == domain.StatusNotFound,
			failure != nil && snap.Counts == domain.Counts{}: // the second failure, and nothing was read
			return PostSnapshot{}, err
		default:
			failure = err
			snap.put(m.name, nil, kind)
		}
	}
	return snap, nil
}

// unionKey returns the key of a post's kind in a Rest.li union, where ugcPost is called ugc. It
// returns false if urn is not the URN of a post.
func unionKey(urn string) (string, bool) {
	if !isURN(urn) {
		return "", false
	}
	key := map[string]string{"share": "share", "ugcPost": "ugc"}[strings.Split(urn, ":")[2]]
	return key, key != ""
}

// littleText matches what is not plain text in a LinkedIn commentary, whose format LinkedIn calls
// "little": an escaped character, a mention "@[Name](urn:li:organization:77)" and a hashtag
// "{hashtag|\#|word}". The sign of a hashtag may be fullwidth, with or without a backslash
// (learn.microsoft.com/linkedin, "little Text Format").
var littleText = regexp.MustCompile(`(?s)\\([[:punct:]]|＃)` +
	`|@\[((?:\\.|[^\\\]])+)\] ?\(urn:li:[^()]+\)` +
	`|\{hashtag\|\\?([#＃])\|((?:\\.|[^\\|}])+)\}`)

// plainText returns a commentary as LinkedIn shows it: a mention is the name, and a hashtag its
// sign and word. Whatever does not fit the format stays as it is, because texts from before the
// format have no escapes.
func plainText(commentary string) string {
	return littleText.ReplaceAllStringFunc(commentary, func(element string) string {
		parts := littleText.FindStringSubmatch(element)
		return parts[1] + plainText(parts[2]) + parts[3] + plainText(parts[4])
	})
}
