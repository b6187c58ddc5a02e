"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.BasePubSdk = void 0;
const serverclock_1 = require("@giosg/realtime-sdk/lib/serverclock");
class BasePubSdk {
    constructor(sdk) {
        this.sdk = sdk;
        // Nothing here
    }
    // Channels:
    streamPublicChannels(orgId, ordering = "-latest_message_created_at") {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels`;
        return this.sdk.streamCollection(apiUrl, { ordering });
    }
    postPublicChannel(orgId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels`;
        return this.sdk
            .postResource(apiUrl, payload)
            .take(1)
            .toPromise();
    }
    streamChannel(orgId, channelId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}`;
        return this.sdk.streamResource(apiUrl);
    }
    patchChannel(orgId, channelId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}`;
        return this.sdk.patchResource(apiUrl, payload).take(1).toPromise();
    }
    streamJoinedChannels(orgId, userId, ordering = "-latest_message_created_at", isActive) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/users/${userId}/joined-channels`;
        const filters = isActive === undefined ? {} : { is_active: isActive };
        return this.sdk.streamCollection(apiUrl, Object.assign({ ordering }, filters));
    }
    streamJoinedChannel(orgId, userId, channelId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/users/${userId}/joined-channels/${channelId}`;
        return this.sdk.streamResource(apiUrl);
    }
    deleteChannel(orgId, channelId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}`;
        return this.sdk.deleteResource(apiUrl).take(1).toPromise();
    }
    //DM Channels:
    streamUserDMChannels(orgId, userId, ordering = "-latest_message_created_at") {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/users/${userId}/dm-channels`;
        return this.sdk.streamCollection(apiUrl, { ordering });
    }
    postDMChannel(orgId, userId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/users/${userId}/dm-channels`;
        return this.sdk
            .postResource(apiUrl, payload)
            .take(1)
            .toPromise();
    }
    streamUserDMChannel(orgId, userId, channelId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/users/${userId}/dm-channels/${channelId}`;
        return this.sdk.streamResource(apiUrl);
    }
    //Messages:
    streamChannelMessages(orgId, channelId, ordering = "-created_at") {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/messages`;
        return this.sdk.streamCollection(apiUrl, { ordering });
    }
    postChannelMessage(orgId, channelId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/messages`;
        return this.sdk
            .postResource(apiUrl, payload)
            .take(1)
            .toPromise();
    }
    streamChannelMessage(orgId, channelId, messageId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/messages/${messageId}`;
        return this.sdk.streamResource(apiUrl);
    }
    patchChannelMessage(orgId, channelId, messageId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/messages/${messageId}`;
        return this.sdk
            .patchResource(apiUrl, payload)
            .take(1)
            .toPromise();
    }
    deleteMessage(orgId, channelId, messageId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/messages/${messageId}`;
        return (this.sdk
            // noPrematureUpdates is needed to support soft-deletion with a replacement case
            .deleteResource(apiUrl, { noPrematureUpdates: true })
            .take(1)
            .toPromise());
    }
    // Channel members:
    streamChannelMembers(orgId, channelId, ordering = "-created_at") {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members`;
        return this.sdk.streamCollection(apiUrl, { ordering, idAttribute: "member_id" });
    }
    postJoinChannel(orgId, channelId, userId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members`;
        const payload = {
            member_id: userId,
        };
        return this.sdk.postResource(apiUrl, payload).take(1).toPromise();
    }
    streamChannelMember(orgId, channelId, memberId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members/${memberId}`;
        return this.sdk.streamResource(apiUrl, { idAttribute: "member_id" });
    }
    patchLastSeenAtField(orgId, channelId, memberId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members/${memberId}`;
        const serverTime = (0, serverclock_1.getServerTime)() || new Date();
        return this.sdk
            .patchResource(apiUrl, {
            //NOTE:  Seems like a hack to me...
            last_seen_at: new Date(serverTime.getTime() + 1000).toISOString(),
        })
            .take(1)
            .toPromise();
    }
    patchChannelMember(orgId, channelId, memberId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members/${memberId}`;
        return this.sdk.patchResource(apiUrl, payload).take(1).toPromise();
    }
    deleteChannelMember(orgId, channelId, memberId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members/${memberId}`;
        return this.sdk.deleteResource(apiUrl).take(1).toPromise();
    }
    // Notification settings:
    streamChannelNotificationSettings(orgId, channelId, memberId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members/${memberId}/notification_settings`;
        return this.sdk.streamResource(apiUrl);
    }
    patchChannelNotificationSettings(orgId, channelId, memberId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/members/${memberId}/notification_settings`;
        return this.sdk
            .patchResource(apiUrl, {
            mode: payload.mode,
        })
            .take(1)
            .toPromise();
    }
    getConferenceToken(orgId, channelId, payload) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/conference/token`;
        return this.sdk
            .postResource(apiUrl, payload)
            .take(1)
            .toPromise();
    }
    getConferences(orgId, userId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/users/${userId}/active_conferences`;
        return this.sdk.streamCollection(apiUrl, { idAttribute: "channel_id" });
    }
    getLiveStreamViewerCount(orgId, channelId) {
        const apiUrl = `/api/pub/public/v1/orgs/${orgId}/channels/${channelId}/conference/stream_viewer_count`;
        return this.sdk.getResource(apiUrl).take(1).toPromise();
    }
    getLiveStreamConfig(orgId, channelId) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/conference/create_stream`;
        return this.sdk.getResource(apiUrl).take(1).toPromise();
    }
    createConferenceLiveStream(orgId, channelId, options) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/conference/create_stream`;
        return this.sdk
            .postResource(apiUrl, options)
            .take(1)
            .toPromise();
    }
    createStreamSessionAction(orgId, channelId, action) {
        const apiUrl = `/api/pub/v1/orgs/${orgId}/channels/${channelId}/conference/stream_session`;
        return this.sdk
            .postResource(apiUrl, { action })
            .take(1)
            .toPromise();
    }
}
exports.BasePubSdk = BasePubSdk;
