// The words of the page in English and Chinese. {name} is a place for a value.
export const words = {
  en: {
    skip: 'Skip to the conversation', console: 'console', app: 'app', api: 'API', more: 'More', people: 'People',
    forget: 'Forget keys', forgetHint: 'Log out on both sides and forget the app key', language: '中文', close: 'Close', back: 'Back to the list',

    setupTitle: 'Connect to your app', setupText: 'The server prints its app id and app key at the first start, with a link that opens this page with both.',
    appId: 'App id', appKey: 'App key', connect: 'Connect',
    setupFine: 'They stay in this tab. The master key is for your own server: never enter it in a web page.',

    loginTitle: 'Log in', loginText: 'Every id of 1 to 64 characters is a client; nobody has to sign up.',
    clientId: 'Client id', tag: 'Tag of the device', tagHint: 'optional: Mobile, Web …', signed: 'With a signed token', signedToken: 'JWT that your own server has signed; it names the client', logIn: 'Log in', logOut: 'Log out', loggedOut: 'Logged out', loggingIn: 'Logging in …',

    connected: 'Connected', stateDisconnectNow: 'Disconnected', stateOfflineNow: 'Offline', stateOnlineNow: 'Network is back',
    stateScheduleNow: 'Attempt {attempt} in {seconds} s', stateRetryNow: 'Attempt {attempt} …', stateReconnectNow: 'Connected again',
    networkStates: 'Network states', disconnect: 'DISCONNECT', offline: 'OFFLINE', online: 'ONLINE', schedule: 'SCHEDULE', retry: 'RETRY', reconnect: 'RECONNECT',
    stateDisconnect: 'The connection to the server broke', stateOffline: 'The browser has lost its network', stateOnline: 'The browser has its network back',
    stateSchedule: 'The next attempt is due after a delay', stateRetry: 'An attempt to connect is being made', stateReconnect: 'Connected again, and all that was missed has arrived',
    cut: 'Cut the link', mend: 'Mend the link', cutHint: 'Break this side’s connection to the server, as a pulled cable would',
    goOffline: 'Go offline', goOnline: 'Go online', offlineHint: 'Break it and tell the page so, as a browser does that loses its network',
    endedConflict: 'Logged in elsewhere with the same tag', endedLoggedOut: 'This session has been logged out', endedExpired: 'The session has expired', endedKicked: 'The app’s server has ended this session', ended: 'The session has ended',

    search: 'Search', newConversation: 'New conversation', conversations: 'Conversations', onServer: 'Others on the server',
    listLoading: 'Loading …', listEmpty: 'No conversations yet.', listNoMatch: 'Nothing is called “{text}”.', startWith: 'Talk to {name}',
    unread: '{count} unread', noMessages: 'No messages yet', you: 'you', youSaid: 'You: {text}', someoneSaid: '{from}: {text}', serverSaid: 'The app’s server: {text}', untitled: 'Just me',

    details: 'Members and attributes', messages: 'Messages', older: 'Older messages', newBelow: 'New messages', message: 'Message', messageTo: 'Message to {name}', send: 'Send',
    pickOne: 'Pick a conversation, or start one.', firstMessage: 'Say something: it appears on the other side at once.', loading: 'Loading …', join: 'Join',
    sending: 'sending', failed: 'not sent', again: 'Send again',
    typeNormal: 'Conversation', typeChatroom: 'Chat room', typeTemporary: 'Temporary conversation', ttl: 'Lives for so many seconds', factExpires: 'Expires',
    subscribersOf: 'The app’s server speaks here · subscribers: {count}', subscribers: 'Subscribers', subscribe: 'Subscribe', unsubscribe: 'Unsubscribe', notSubscribed: 'You are not subscribed: you see what is for everyone, or for you.',
    onlineIn: '{count} online', onlineNow: 'Online now', priority: 'Priority', priorityHint: 'What a slow reader of the chat room loses last', high: 'High', normal: 'Normal', low: 'Low',
    attach: 'Attach files', attachHint: 'Attach files; you may also drop or paste them', attachments: 'To be sent', dropHere: 'Drop to attach', place: 'A place',
    latitude: 'Latitude', longitude: 'Longitude', attachPlace: 'Attach', placeHere: 'Where I am', noPlace: 'The browser does not tell where you are.',
    uploading: 'Uploading {name}', cancel: 'Cancel', cancelUpload: 'Cancel the upload of {name}', pictureAlt: 'Picture: {name}', videoNamed: 'Video: {name}', audioNamed: 'Audio: {name}', openMap: 'Open on the map',
    notMember: 'You are not a member. Join to read and write.', kickedBanner: '{name} removed you from this conversation.', kickedByApp: 'The app’s server removed you from this conversation.', leftBanner: 'You have left this conversation.',
    joinedNote: '{names} joined', addedNote: '{by} added {names}', leftNote: '{names} left', removedNote: '{by} removed {names}', changedNote: '{by} changed the name or attributes', theServer: 'The app’s server',
    andMore: '{names} and {count} more', membersOf: '{count} members: {names}', memberOf: '1 member: {names}',

    withWhom: 'With whom', membersHint: 'Jerry, Mary', name: 'Name', unique: 'Go on with the one these people have, if there is one', createIt: 'Create',
    joinTitle: 'Or open one by its id', conversationId: 'Conversation id', open: 'Open',
    members: 'Members', addMembers: 'Add members', add: 'Add', remove: 'Remove {name}', save: 'Save', saved: 'Saved', attributes: 'Attributes (JSON)', badJson: 'This is no JSON object: {detail}',
    quit: 'Quit this conversation', creator: 'creator', factId: 'Id', factType: 'Type', factCreator: 'Creator', factCreated: 'Created', factUnique: 'Unique', yes: 'yes', no: 'no', copyId: 'Copy the id',

    wire: 'On the wire', wireHint: 'Every HTTP call as curl, and every event as it came.', wireEmpty: 'Nothing yet.', show: 'Show', all: 'All', calls: 'Calls', events: 'Events', clear: 'Clear', grip: 'Height of the log',
    copyCurl: 'Copy as curl', copySecret: 'Copy as curl, with the token in it', copied: 'Copied', answer: 'Answer', asCurl: 'As curl', underWay: 'under way', streamOpen: 'stream', heartbeat: 'heartbeat', heartbeats: 'heartbeat ×{count}',

    unreachable: 'The server cannot be reached', somethingFailed: 'That did not work: {detail}',
  },
  zh: {
    skip: '跳到对话', console: '控制台', app: '应用', api: 'API', more: '更多', people: '用户',
    forget: '清除密钥', forgetHint: '两侧都退出登录，并清除 app key', language: 'English', close: '关闭', back: '返回列表',

    setupTitle: '连接你的应用', setupText: '服务器首次启动时会打印 app id 和 app key，以及一个带着它们打开本页的链接。',
    appId: 'App id', appKey: 'App key', connect: '连接',
    setupFine: '它们只保存在当前标签页。Master key 只属于你自己的服务器，切勿在网页中输入。',

    loginTitle: '登录', loginText: '任意 1 到 64 个字符的 id 都可以作为 client，无需注册。',
    clientId: 'Client id', tag: '设备标签', tagHint: '可选：Mobile、Web……', signed: '使用签名 token', signedToken: '由你自己的服务器签名的 JWT，其中已含 client id', logIn: '登录', logOut: '退出登录', loggedOut: '已退出登录', loggingIn: '正在登录……',

    connected: '已连接', stateDisconnectNow: '连接已断开', stateOfflineNow: '离线', stateOnlineNow: '网络已恢复',
    stateScheduleNow: '{seconds} 秒后进行第 {attempt} 次重连', stateRetryNow: '正在进行第 {attempt} 次重连', stateReconnectNow: '连接已恢复',
    networkStates: '网络状态', disconnect: 'DISCONNECT', offline: 'OFFLINE', online: 'ONLINE', schedule: 'SCHEDULE', retry: 'RETRY', reconnect: 'RECONNECT',
    stateDisconnect: '与服务器的连接已断开', stateOffline: '浏览器失去网络', stateOnline: '浏览器恢复网络',
    stateSchedule: '已安排下一次重连', stateRetry: '正在重连', stateReconnect: '连接恢复，错过的内容已全部补齐',
    cut: '切断连接', mend: '恢复连接', cutHint: '断开这一侧与服务器的连接，如同拔掉网线',
    goOffline: '离线', goOnline: '上线', offlineHint: '断开并告知页面，如同浏览器失去网络',
    endedConflict: '已在别处以相同标签登录', endedLoggedOut: '此会话已退出登录', endedExpired: '会话已过期', endedKicked: '应用服务器结束了此会话', ended: '会话已结束',

    search: '搜索', newConversation: '新建对话', conversations: '对话列表', onServer: '服务器上的其他对话',
    listLoading: '加载中……', listEmpty: '还没有对话。', listNoMatch: '没有名称包含“{text}”的对话。', startWith: '和 {name} 聊聊',
    unread: '{count} 条未读', noMessages: '还没有消息', you: '我', youSaid: '我：{text}', someoneSaid: '{from}：{text}', serverSaid: '应用服务器：{text}', untitled: '只有我',

    details: '成员与属性', messages: '消息', older: '更早的消息', newBelow: '新消息', message: '消息', messageTo: '发消息给 {name}', send: '发送',
    pickOne: '请选择一个对话，或新建一个。', firstMessage: '说点什么吧：对方会立刻收到。', loading: '加载中……', join: '加入',
    sending: '发送中', failed: '未发送', again: '重新发送',
    typeNormal: '普通对话', typeChatroom: '聊天室', typeTemporary: '临时对话', ttl: '有效期（秒）', factExpires: '到期时间',
    subscribersOf: '由应用服务器发布 · {count} 人订阅', subscribers: '订阅者', subscribe: '订阅', unsubscribe: '取消订阅', notSubscribed: '尚未订阅：你只能看到发给所有人或发给你的消息。',
    onlineIn: '{count} 人在线', onlineNow: '当前在线', priority: '优先级', priorityHint: '聊天室中接收过慢时，优先级高的消息最后丢弃', high: '高', normal: '普通', low: '低',
    attach: '添加文件', attachHint: '添加文件；也可以拖放或粘贴', attachments: '待发送', dropHere: '松开即可添加', place: '位置',
    latitude: '纬度', longitude: '经度', attachPlace: '添加', placeHere: '我的位置', noPlace: '浏览器没有提供你的位置。',
    uploading: '正在上传 {name}', cancel: '取消', cancelUpload: '取消上传 {name}', pictureAlt: '图片：{name}', videoNamed: '视频：{name}', audioNamed: '音频：{name}', openMap: '在地图上打开',
    notMember: '你不是成员。加入后即可查看和发言。', kickedBanner: '{name} 将你移出了此对话。', kickedByApp: '应用服务器将你移出了此对话。', leftBanner: '你已退出此对话。',
    joinedNote: '{names} 加入了对话', addedNote: '{by} 邀请 {names} 加入', leftNote: '{names} 退出了对话', removedNote: '{by} 移除了 {names}', changedNote: '{by} 修改了名称或属性', theServer: '应用服务器',
    andMore: '{names} 和另外 {count} 人', memberOf: '1 名成员：{names}', membersOf: '{count} 名成员：{names}',

    withWhom: '和谁', membersHint: 'Jerry, Mary', name: '名称', unique: '若这些人已有对话，则继续使用', createIt: '创建',
    joinTitle: '或按 id 打开', conversationId: '对话 id', open: '打开',
    members: '成员', addMembers: '添加成员', add: '添加', remove: '移除 {name}', save: '保存', saved: '已保存', attributes: '属性（JSON）', badJson: '这不是 JSON 对象：{detail}',
    quit: '退出此对话', creator: '创建者', factId: 'Id', factType: '类型', factCreator: '创建者', factCreated: '创建时间', factUnique: '唯一', yes: '是', no: '否', copyId: '复制 id',

    wire: '网络日志', wireHint: '每个 HTTP 请求都可复制为 curl，每个事件原样显示。', wireEmpty: '暂无内容。', show: '显示', all: '全部', calls: '请求', events: '事件', clear: '清空', grip: '日志高度',
    copyCurl: '复制为 curl', copySecret: '复制为 curl（包含 token）', copied: '已复制', answer: '响应', asCurl: 'curl 命令', underWay: '进行中', streamOpen: '事件流', heartbeat: '心跳', heartbeats: '心跳 ×{count}',

    unreachable: '无法连接服务器', somethingFailed: '操作失败：{detail}',
  },
};
