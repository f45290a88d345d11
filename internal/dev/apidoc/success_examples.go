package apidoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// goldens lists the golden files of api's tests that the document shows as examples, by operation.
var goldens = map[string]string{ //nolint:gosec // names of operations, not credentials
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

	"getMembersTopPostsByMemberIdByCId":                          "22_member_top_posts",
	"getMembersTopPostsByMemberIdByStartTimeByCId":               "22_member_top_posts",
	"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCId":      "22_member_top_posts",
	"getMembersTopPostsByMemberIdByStartTimeByEndTimeByCIdByPId": "22_member_top_posts",

	"getAccountNetGrowthByPId": "05_account_net_growth",
	"postDashboardPreview":     "dashboard_preview",
	"postPlatforms":            "main_app_page",
	"postPlatformsDisconnect":  "connect_disconnected",
	"putConnectionTokens":      "main_app_tokens",
}

// otherExamples contains responses of the demo, by operation.
const otherExamples = "api/testdata/examples.json"

// addExamples adds an example response to operations that return JSON, with at most one entry in
// each list.
func addExamples(root string, operations []*openapi3.Operation) error {
	var others map[string]any
	if err := readJSON(filepath.Join(root, otherExamples), &others); err != nil {
		return err
	}
	for _, op := range operations {
		answer := others[op.OperationID]
		delete(others, op.OperationID)
		if name := goldens[op.OperationID]; name != "" {
			if err := readJSON(filepath.Join(root, "api", "testdata", "golden", name+".json"), &answer); err != nil {
				return err
			}
		}
		if answer != nil {
			op.Responses.Status(200).Value.Content[mediaJSON].Example = shortened(answer)
		}
	}
	if len(others) > 0 {
		return fmt.Errorf("%s: no operation is called %s", otherExamples, slices.Sorted(maps.Keys(others)))
	}
	return nil
}

func readJSON(path string, value any) error {
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, value)
	}
	if err != nil {
		return fmt.Errorf("read example %s: %w", filepath.Base(path), err)
	}
	return nil
}

// shortened keeps at most one entry of each list.
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
