package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// FaultKind is one way in which a platform is unkind.
type FaultKind string

// The kinds of [Fault]. About names a post, a scope or a call where the comment says so; otherwise the
// fault is about the account.
const (
	BadObject                 FaultKind = "bad object"     // About a post: reading it is HTTP 500, for ever
	NoInsights                FaultKind = "no insights"    // Meta, about a post: its node has no field insights
	LateIdentity              FaultKind = "late identity"  // Facebook, about a post: its video does not name the post until Until
	Withheld                  FaultKind = "withheld"       // so many items (Limit) before each post of a list are left out of its page
	TooLarge                  FaultKind = "too large"      // Meta: a list of more than Limit items is refused
	OtherLanguage             FaultKind = "other language" // Meta: messages are Spanish, unless locale=en_US is asked for
	Refused                   FaultKind = "refused"        // About a scope, or a resource of LinkedIn; all of them without
	Corrected                 FaultKind = "corrected"      // Meta: the values of a day are too small until 48 hours after it
	UnknownCode               FaultKind = "unknown code"   // a code that no documentation names
	AppBlocked                FaultKind = "app blocked"    // Meta has switched the app off; belongs on all accounts of the app
	PageMerged                FaultKind = "page merged"    // Facebook: the page has a new id
	RoleLost                  FaultKind = "role lost"      // the person is no longer an administrator of the page
	TwoFactor                 FaultKind = "two factor"     // Meta demands it from the person
	Unlisted                  FaultKind = "unlisted"       // Facebook: me/accounts lacks the page, granular_scopes names it
	Showcase                  FaultKind = "showcase"       // LinkedIn: the page is an organizationBrand
	ContentAdmin              FaultKind = "content admin"  // LinkedIn: the person's role on the page is CONTENT_ADMINISTRATOR
	SlowToken                 FaultKind = "slow token"     // LinkedIn: a new token of the profile's person may do nothing for five minutes
	settledAfter                        = 48 * time.Hour   // see [Corrected]
	slowTokenLasts                      = 5 * time.Minute  // see [SlowToken]
	withheldPrefix                      = "withheld:"      // ids of items that are left out
	spanish                             = "Se ha producido un error."
	organizationURN, brandURN           = "urn:li:organization:", "urn:li:organizationBrand:"
)

// Fault is one way in which a platform is unkind to an account, and what it is about.
type Fault struct {
	Kind        FaultKind
	About       string
	From, Until time.Time // zero: since ever, for ever
	Limit       int
	Variant     int // which of the platform's answers, where there are several
}

// Active tells whether the fault applies at an instant.
func (f Fault) Active(at time.Time) bool {
	return !at.Before(f.From) && (f.Until.IsZero() || at.Before(f.Until))
}

// fault finds a fault of a kind that is about one of these things; without any, about whatever.
func (r *request) fault(kind FaultKind, about ...string) (Fault, bool) {
	return r.traps.fault(kind, r.now, about...)
}

func (t Traps) fault(kind FaultKind, at time.Time, about ...string) (Fault, bool) {
	i := slices.IndexFunc(t.Faults, func(f Fault) bool {
		return f.Kind == kind && f.Active(at) && (f.About == "" || len(about) == 0 || slices.Contains(about, f.About))
	})
	if i < 0 {
		return Fault{}, false
	}
	return t.Faults[i], true
}

// graphWords are Meta's answers to a fault; [Fault.Variant] selects one of them. %[1]s is the id that was
// asked for, and %[2]s the new one of a merged page.
var graphWords = map[FaultKind][]struct {
	status, code, subcode int
	message               string
}{
	AppBlocked: {{400, 200, 0, "API access blocked."}},
	PageMerged: {
		{400, 21, 0, "(#21) Page ID %[1]s was migrated to page ID %[2]s.  Please update your API calls to the new ID"},
		{400, 100, 21, "Page ID %[1]s was migrated to page ID %[2]s.  Please update your API calls to the new ID"},
	},
	RoleLost: {{400, 190, 0, "Error validating access token: The user must be an administrator of the page in order to impersonate it."}},
	TwoFactor: {
		{400, 415, 1404120, "(#415) Two factor authentication is required to access this page."},
		{400, 415, 2859009, "(#415) The user must turn on two-factor authentication."},
	},
	UnknownCode: {{400, 36103, 0, "(#36103) This request is on hold."}, {400, 9004, 2207052, "(#9004) The content is being prepared."}},
	BadObject: {
		{500, 2, 0, "An unexpected error has occurred. Please retry your request later."},
		{500, 1, 0, "An unknown error occurred"},
		{500, 1, 99, "An unknown error occurred"},
	},
	TooLarge: {
		{500, 1, 0, "Please reduce the amount of data you're asking for, then retry your request"},
		{500, 1, 99, "An unknown error occurred"},
		{500, 2, 1504018, "Service temporarily unavailable"},
	},
}

// graphFault answers as Meta does to a fault.
func (s *Server) graphFault(c *request, f Fault) reply {
	words := graphWords[f.Kind]
	w, id := words[f.Variant%len(words)], c.PathValue("id")
	message := w.message
	if strings.Contains(message, "%") {
		message = fmt.Sprintf(message, id, "9"+id)
	}
	rep := s.graphFail(c, w.status, w.code, w.subcode, message)
	rep.body.(object)["error"].(object)["is_transient"] = f.Kind == BadObject && f.Variant%len(words) == 0 //nolint:forcetypeassert // see graphFail
	return rep
}

// graphFaulty answers what the faults of an account refuse before anything is read.
func (s *Server) graphFaulty(c *request) (rep reply, refused bool) {
	for _, kind := range []FaultKind{AppBlocked, PageMerged, RoleLost, TwoFactor, UnknownCode} {
		if f, hit := c.fault(kind); hit {
			return s.graphFault(c, f), true
		}
	}
	if f, hit := c.fault(BadObject, s.namesOf(c, c.PathValue("id"))...); hit {
		return s.graphFault(c, f), true
	}
	return reply{}, false
}

// namesOf are the ids that the post of an id has.
func (s *Server) namesOf(c *request, id string) []string {
	if p, found := s.named(c, id); found {
		return []string{p.ID}
	}
	return []string{id}
}

// withoutInsights refuses the insights of a post whose node has none.
func (s *Server) withoutInsights(c *request, p Post, id, field string) *reply {
	_, hit := c.fault(NoInsights, p.ID)
	node := "Post"
	if p.PhotoID != "" && id == p.PhotoID {
		hit, node = true, "Photo"
	}
	if !hit {
		return nil
	}
	rep := s.graphFail(c, 400, 100, 0, "(#100) Tried accessing nonexisting field ("+field+") on node type ("+node+")")
	return &rep
}

// withhold puts items that are left out before each post of a list, newest first. Later lists leave out the
// same.
func (r *request) withhold(posts []Post) []Post {
	f, hit := r.fault(Withheld)
	if !hit {
		return posts
	}
	out := make([]Post, 0, len(posts)*(f.Limit+1))
	for _, p := range posts {
		for i := f.Limit; i > 0; i-- {
			out = append(out, Post{ID: withheldPrefix + p.ID + ":" + strconv.Itoa(i), Created: p.Created.Add(time.Duration(i) * time.Second), Dead: true})
		}
		out = append(out, p)
	}
	return out
}

// settling is the value of a day, which may be too small yet.
func (r *request) settling(value int64, end time.Time) int64 {
	if _, hit := r.fault(Corrected); hit && r.now.After(end) && r.now.Sub(end) < settledAfter {
		return value * 9 / 10
	}
	return value
}

// unkindTo are the kinds that can be drawn for an account: those of single objects and figures, then at
// most one that is about the whole account for some days.
func unkindTo(p domain.Platform, kind domain.AccountType) (parts, wholes []FaultKind) {
	switch p {
	case domain.Facebook:
		return []FaultKind{BadObject, NoInsights, LateIdentity, Withheld, TooLarge, OtherLanguage, Refused, Corrected},
			[]FaultKind{UnknownCode, PageMerged, RoleLost, TwoFactor}
	case domain.Instagram:
		return []FaultKind{BadObject, NoInsights, Withheld, TooLarge, OtherLanguage, Refused, Corrected}, []FaultKind{UnknownCode, TwoFactor}
	case domain.LinkedIn:
		if kind == domain.LinkedInProfile {
			return []FaultKind{BadObject, Refused}, []FaultKind{UnknownCode}
		}
		return []FaultKind{BadObject, Withheld, Refused, Showcase}, []FaultKind{UnknownCode, RoleLost}
	default:
		return []FaultKind{BadObject, Withheld, Refused}, []FaultKind{UnknownCode}
	}
}

// refusable are single scopes and calls that an account can be without; the rest of it is read.
func refusable(p domain.Platform, kind domain.AccountType) []string {
	switch p {
	case domain.Facebook:
		return []string{"read_insights", "pages_read_user_content"}
	case domain.Instagram:
		return []string{"instagram_business_manage_insights"}
	case domain.LinkedIn:
		if kind == domain.LinkedInProfile {
			return []string{"memberFollowersCount", "memberCreatorPostAnalytics"}
		}
		return []string{"networkSizes", "organizationalEntityFollowerStatistics", "posts", "geo"}
	default:
		return []string{"user.info.stats", "video.list"}
	}
}

// Unkind draws one to three faults of an account in a time, by a seed. They are about its generated and
// given posts.
func (s *Server) Unkind(seed uint64, p domain.Platform, id string, from, until time.Time) []Fault {
	a := s.account(p, id)
	draw := rand.New(rand.NewPCG(seed, hash(seed, "unkind", p.String(), id)))
	parts, wholes := unkindTo(p, a.kind)
	draw.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	posts := slices.DeleteFunc(s.Posts(p, id, until), func(post Post) bool { return post.Kind == KindStory })
	var out []Fault
	for _, kind := range parts[:1+draw.IntN(min(3, len(parts)))] {
		f := Fault{Kind: kind, Variant: draw.IntN(6)}
		switch kind {
		case BadObject, NoInsights, LateIdentity:
			if kind == LateIdentity {
				posts = slices.DeleteFunc(posts, func(post Post) bool { return post.VideoID == "" })
			}
			if len(posts) == 0 {
				continue
			}
			post := posts[draw.IntN(len(posts))]
			if f.About = post.ID; kind == LateIdentity {
				f.Until = post.Created.Add(time.Duration(1+draw.IntN(60)) * time.Hour)
			}
		case Withheld:
			f.Limit = 5 + draw.IntN(15)
		case TooLarge:
			f.Limit = 10 + draw.IntN(15)
		case Refused:
			names := refusable(p, a.kind)
			f.About = names[draw.IntN(len(names))]
		default:
		}
		out = append(out, f)
	}
	if draw.IntN(3) == 0 {
		begins := from.Add(time.Duration(draw.Int64N(int64(until.Sub(from) / 2))).Truncate(time.Hour))
		out = append(out, Fault{
			Kind: wholes[draw.IntN(len(wholes))], Variant: draw.IntN(6), From: begins, Until: begins.Add(time.Duration(12+draw.IntN(60)) * time.Hour),
		})
	}
	return out
}

// linkedInFaulty answers what the faults of an account refuse.
func (s *Server) linkedInFaulty(c *request, resource string, member bool) (rep reply, refused bool) {
	_, denied := c.fault(Refused, resource, linkedInScopes[resource])
	_, unknown := c.fault(UnknownCode)
	_, lost := c.fault(RoleLost)
	_, content := c.fault(ContentAdmin)
	switch {
	case unknown:
		return s.linkedInFail(422, 70045, "MEMBER_RESTRICTED_PENDING_REVIEW", "The request is pending a review"), true
	case denied && resource == "memberCreatorPostAnalytics": // as for a product that the app does not have
		return s.linkedInFail(404, 0, "RESOURCE_NOT_FOUND", "No virtual resource found"), true
	case denied:
		return s.linkedInDenied(resource + ".GET"), true
	case !member && resource != "geo" && (lost || content && resource != "posts"):
		return s.linkedInFail(403, 100, "ACCESS_DENIED", "The member is not an ADMINISTRATOR of the organization"), true
	default:
		return reply{}, false
	}
}

func (s *Server) linkedInBroken() reply {
	return s.linkedInFail(500, 0, "INTERNAL_SERVER_ERROR", "Internal Server Error")
}
