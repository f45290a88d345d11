package platforms

import (
	"context"
	"net/url"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The lists of an account. Stories live for 24 hours only.
var mediaSections = []section{
	{edge: "media", fields: mediaFields, kind: TypePost},
	{edge: "stories", fields: mediaFields, kind: TypeStory, optional: true},
}

const mediaFields = "id,caption,media_type,media_product_type,permalink,timestamp,thumbnail_url"

// Posts implements [Client]: media, then stories.
func (i *instagram) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	return i.host(t).posts(ctx, t, mediaSections, cursor, func(item listed, s section) (Post, bool) {
		return Post{
			ID: string(item.ID), Type: mediaType(item.ProductType, item.MediaType, s.kind), Content: string(item.Caption),
			MediaURL: string(item.Thumbnail), Permalink: string(item.Permalink), PublishedAt: metaTime(item.Timestamp),
		}, true
	})
}

func mediaType(product, media text, otherwise string) string {
	switch {
	case product == "REELS":
		return TypeReel
	case product == "STORY":
		return TypeStory
	case media == "CAROUSEL_ALBUM":
		return TypeCarousel
	case media == "VIDEO":
		return TypeVideo
	case media == "IMAGE":
		return TypePhoto
	default:
		return otherwise
	}
}

// mediaMetrics are what each kind of media knows: one that does not apply rejects the whole call.
// A story has no likes and comments, its replies are neither.
func mediaMetrics(kind string) []string {
	switch kind {
	case TypeReel, TypePhoto, TypeCarousel, TypeVideo:
		return []string{"views", "reach", "likes", "comments", "shares"}
	case TypeStory:
		return []string{"views", "reach", "shares"}
	default:
		return nil
	}
}

// PostMetrics implements [Client], with a call per media object: Instagram offers no batch. A type
// that is not known is asked for first.
func (i *instagram) PostMetrics(ctx context.Context, t Target, posts []Post) ([]PostSnapshot, error) {
	g := i.host(t)
	if err := g.check("media_insights", t); err != nil {
		return nil, err
	}
	out := make([]PostSnapshot, 0, len(posts))
	for _, p := range posts {
		m := mediaReading{graph: g, t: t, snap: PostSnapshot{Post: p}}
		if err := m.read(ctx); err != nil {
			return out, err
		}
		out = append(out, m.snap)
	}
	return out, nil
}

// mediaReading is one media reading in the making.
type mediaReading struct {
	*graph
	t    Target
	snap PostSnapshot
}

// mediaNode is what the object itself tells.
type mediaNode struct {
	MediaType   text  `json:"media_type"`
	ProductType text  `json:"media_product_type"`
	Likes       count `json:"like_count"` // absent when the owner hides likes
	Comments    count `json:"comments_count"`
}

// wholeConnection says that an error concerns more than the one object at hand.
func wholeConnection(err error) bool {
	switch ClassOf(err) {
	case ClassReconnect, ClassBlocked, ClassThrottled, ClassRetry:
		return true
	default:
		return false
	}
}

func (m *mediaReading) read(ctx context.Context) error {
	p := &m.snap.Post
	if !plainID(p.ID, "_") {
		m.snap.Err = invalid(m.platform, "media_insights", "id is not a Graph id")
		return nil
	}
	var node *mediaNode
	if mediaMetrics(p.Type) == nil {
		got, err := m.node(ctx)
		if err != nil {
			return m.only(err)
		}
		node = got
		p.Type = mediaType(got.ProductType, got.MediaType, TypePhoto)
	}
	answer, err := m.insights(ctx, insightCall{"media_insights", "media_" + p.Type, m.t, p.ID + "/insights", nil}, mediaMetrics(p.Type))
	if err != nil && (wholeConnection(err) || ClassOf(err) == ClassNotFound) {
		return m.only(err)
	}
	m.fold(answer.data)
	// Likes and comments are also on the object: they stay there when insights are refused.
	if p.Type != TypeStory && (m.snap.Counts.Likes == nil || m.snap.Counts.Comments == nil) {
		if node == nil {
			got, err := m.node(ctx)
			if err != nil {
				return m.only(err)
			}
			node = got
		}
		m.standIn(*node)
	}
	if m.snap.Counts == (domain.Counts{}) && err != nil {
		m.snap.Err = asError(err)
		return nil
	}
	m.missing(answer.refused, err)
	return nil
}

// only keeps an error to this object, unless it concerns the connection.
func (m *mediaReading) only(err error) error {
	if wholeConnection(err) {
		return err
	}
	m.snap.Err = asError(err)
	m.snap.Counts = domain.Counts{}
	return nil
}

func (m *mediaReading) node(ctx context.Context) (*mediaNode, error) {
	var node mediaNode
	q := url.Values{"fields": {"id,media_type,media_product_type,like_count,comments_count"}}
	if err := m.get(ctx, "media", m.t, m.snap.Post.ID, q, &node); err != nil {
		return nil, err
	}
	return &node, nil
}

// fold maps insights: views stand in for impressions, clicks do not exist.
func (m *mediaReading) fold(data []insight) {
	m.snap.Counts = domain.Counts{
		Likes: lifetimeTotal(data, "likes"), Comments: lifetimeTotal(data, "comments"), Shares: lifetimeTotal(data, "shares"),
		Views: lifetimeTotal(data, "views"), Impressions: lifetimeTotal(data, "views"), Reach: lifetimeTotal(data, "reach"),
	}
}

func (m *mediaReading) standIn(node mediaNode) {
	if m.snap.Counts.Likes == nil {
		m.snap.Counts.Likes = node.Likes.ptr()
	}
	if m.snap.Counts.Comments == nil {
		m.snap.Counts.Comments = node.Comments.ptr()
	}
}

func (m *mediaReading) missing(refused []string, err error) {
	c := m.snap.Counts
	values := map[string]*int64{
		"views": c.Views, "reach": c.Reach, "likes": c.Likes, "comments": c.Comments, "shares": c.Shares,
	}
	for _, metric := range mediaMetrics(m.snap.Post.Type) {
		reason, detail := ReasonEmpty, metric+" came without a value"
		switch {
		case err != nil:
			reason, detail = reasonOf(ClassOf(err)), asError(err).Message
		case slices.Contains(refused, metric):
			reason, detail = ReasonUnsupported, "the platform does not know "+metric
		}
		m.snap.miss(metric, values[metric], reason, detail)
		if metric == "views" {
			m.snap.miss(domain.MetricImpressions, c.Impressions, reason, detail)
		}
	}
}
