package apidoc

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/getkin/kin-openapi/openapi3"
)

// goldens are the frozen answers of api's tests that operations show as an example of success.
var goldens = map[string]string{
	"getAccountInsights":               "01_account_insights",
	"getAccountFollowers":              "02_account_followers",
	"getRoiViews":                      "03_roi_views",
	"getAccountStats":                  "04_account_stats",
	"getAccountNetGrowth":              "05_account_net_growth",
	"getActivityMeter":                 "06_activity_meter",
	"getLeaderboard":                   "07_leaderboard",
	"getTopPostsInsights":              "08_top_posts",
	"getPostInsights":                  "09_post_insights",
	"getPostsLikes":                    "10_posts_likes",
	"getPostsViews":                    "11_posts_views",
	"getPostsEngagements":              "12_posts_engagements",
	"getPostsTotalEngagements":         "13_posts_total_engagements",
	"getMemberFollowersGraph":          "14_member_followers",
	"getAccountActiveMembersPlatforms": "15_active_members",
	"getMembersSocialGrowth":           "16_member_growth",
	"getMembersPostInsights":           "17_member_post_insights",
	"getMembersfollowersGrowth":        "18_member_followers_growth",
	"getMembersPostLikes":              "19_member_post_likes",
	"getMembersPostViews":              "20_member_post_views",
	"getMembersPostEngagement":         "21_member_post_engagement",
}

// addExample adds the answer that is frozen of an operation, with one entry of each list.
func addExample(root string, op *openapi3.Operation) error {
	name := goldens[op.OperationID]
	if name == "" {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(root, "api", "testdata", "golden", name+".json"))
	if err != nil {
		return fmt.Errorf("read frozen answer: %w", err)
	}
	var answer any
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("decode frozen answer %s: %w", name, err)
	}
	op.Responses.Status(200).Value.Content[mediaJSON].Example = shortened(answer)
	return nil
}

// shortened leaves one entry in each list.
func shortened(value any) any {
	switch value := value.(type) {
	case []any:
		value = value[:min(len(value), 1)]
		for i := range value {
			value[i] = shortened(value[i])
		}
		return value
	case map[string]any:
		for name := range value {
			value[name] = shortened(value[name])
		}
	}
	return value
}
