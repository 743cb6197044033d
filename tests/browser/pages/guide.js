// The guide's JavaScript samples, as they stand there but for two typing errors of its own (a semicolon before .catch, a
// brace too many). One line is changed: the import. Between them the page waits for what a sample says it has done.
import { Realtime, TypedMessagesPlugin, TextMessage, ImageMessage, Event, AV } from "/parley.js";

const lines = (window.lines = []); // what the samples log
console.log = (...args) => lines.push(args.map(String).join(" "));
const $ = (selector) => document.querySelectorAll(selector); // jQuery, as far as the samples need it
const until = async (holds) => { while (!holds()) await new Promise((wake) => setTimeout(wake, 10)); };
const logged = (text) => until(() => lines.some((line) => line.startsWith(text)));

// 1. 创建 IMClient
var realtime = new Realtime({
  appId: 'your-app-id',
  appKey: 'your-app-key',
  plugins: [TypedMessagesPlugin], // 注册富媒体消息插件
});
// Tom 用自己的名字作为 clientId
var tom;
realtime.createIMClient('Tom').then(function(client) {
  // 成功登录
  tom = client;
}).catch(console.error);
await until(() => tom);

// 5. 接收消息
// Jerry 登录
var jerry = await realtime.createIMClient('Jerry');
// 当前用户被添加至某个对话
jerry.on(Event.INVITED, function invitedEventHandler(payload, conversation) {
    console.log(payload.invitedBy, conversation.id);
});
// 当前用户收到了某一条消息
jerry.on(Event.MESSAGE, function(message, conversation) {
    console.log('Message received: ' + message.text);
});

// 3. 创建对话 Conversation
function createConversation() {
  // 创建与 Jerry 之间的对话
  return tom.createConversation({
    // 指定对话的成员除了当前用户 Tom(SDK 会默认把当前用户当做对话成员)之外,还有 Jerry
    members: ['Jerry'],
    // 对话名称
    name: 'Tom & Jerry',
  }).catch(console.error);
}
var conversation = await createConversation();
const CONVERSATION_ID = conversation.id;
await logged('Tom ' + CONVERSATION_ID);

// 4. 发送消息
conversation.send(new TextMessage('Jerry,起床了!')).then(function(message) {
  console.log('Tom & Jerry', '发送成功!');
}).catch(console.error);
await logged('Tom & Jerry 发送成功!');
await logged('Message received: Jerry,起床了!');

// 多人群聊
// 有用户被添加至某个对话
jerry.on(Event.MEMBERS_JOINED, function membersjoinedEventHandler(payload, conversation) {
    console.log(payload.members, payload.invitedBy, conversation.id);
});
var mary = await realtime.createIMClient('Mary');
tom.getConversation(CONVERSATION_ID).then(function(conversation) {
  return conversation.add(['Mary']);
}).then(function(conversation) {
  console.log('添加成功', conversation.members);
  // 此时对话成员为: ['Mary', 'Tom', 'Jerry']
}).catch(console.error.bind(console));
await logged('添加成功 Tom,Jerry,Mary');
await logged('Mary Tom ' + CONVERSATION_ID);

tom.createConversation({
  // 创建的时候直接指定 Jerry 和 Mary 一起加入多人群聊,当然根据需求可以添加更多成员
  members: ['Jerry','Mary'],
  // 对话名称
  name: 'Tom & Jerry & friends',
}).catch(console.error);

// 2. 群发消息
conversation.send(new TextMessage('大家好,欢迎来到我们的群聊对话'));
await logged('Message received: 大家好');

// 将他人踢出对话
conversation.remove(['Mary']).then(function(conversation) {
  console.log('移除成功', conversation.members);
}).catch(console.error.bind(console));
await logged('移除成功 Tom,Jerry');

// 加入对话
var william = await realtime.createIMClient('William');
william.getConversation(CONVERSATION_ID).then(function(conversation) {
  return conversation.join();
}).then(function(conversation) {
  console.log('加入成功', conversation.members);
  // 加入成功 ['William', 'Tom', 'Jerry']
}).catch(console.error.bind(console));
await logged('加入成功 Tom,Jerry,William');
await logged('William William ' + CONVERSATION_ID);

// 退出对话
william.on(Event.MEMBERS_LEFT, function membersLeftEventHandler(payload, conversation) {
    console.log(payload.members, payload.invitedBy, conversation.id);
});
await jerry.getConversation(CONVERSATION_ID).then(function(conversation) {
  conversation.quit().then(function(conversation) {
    console.log('退出成功', conversation.members);
    // 退出成功 ['William', 'Tom']
  }).catch(console.error.bind(console));
});
await logged('退出成功 Tom,William');
await logged('Jerry Jerry ' + CONVERSATION_ID);
await conversation.add(['Jerry']);

// 获取对话列表
tom.getQuery().containsMembers(['Tom']).find().then(function(conversations) {
  // 默认按每个对话的最后更新日期(收到最后一条消息的时间)倒序排列
  conversations.map(function(conversation) {
    console.log(conversation.lastMessageAt.toString(), conversation.members);
  });
  window.listed = conversations.map(({ name }) => name);
}).catch(console.error.bind(console));
await until(() => window.listed);
await tom.createConversation({ members: ['Jerry'], name: 'NBA finals' });
var query = tom.getQuery();
query.limit(20);
// 根据关键字查询
query.contains('name', 'NBA');
window.found = (await query.find()).map(({ name }) => name);

// 接收图像消息
var client = jerry;
client.on(Event.MESSAGE, function messageEventHandler(message, conversation) {
   var file;
   switch (message.type) {
      case ImageMessage.TYPE:
        file = message.getFile();
        console.log('收到图像消息,url: ' + file.url());
        break;
   }
});
// 发送图像文件
await (async () => {
  var fileUploadControl = $('#photoFileUpload')[0];
  const chosen = new DataTransfer();
  chosen.items.add(new window.File([await (await fetch("/avatar.gif")).blob()], "avatar.gif", { type: "image/gif" }));
  fileUploadControl.files = chosen.files;
  var file = new AV.File('avatar.jpg', fileUploadControl.files[0]);
  file.save().then(function() {
    var message = new ImageMessage(file);
    message.setText('发自我的 Ins');
    message.setAttributes({ location: '旧金山' });
    return conversation.send(message);
  }).then(function() {
    console.log('发送成功');
  }).catch(console.error.bind(console));
  await logged('发送成功');
  await logged('收到图像消息,url: http');
  await new Promise((shown, failed) => Object.assign(new Image(), { onload: shown, onerror: () => failed(new Error("the picture is not shown")), src: file.url() }));
})();
// 发送图像链接
await (async () => {
  // 从网络链接直接构建一个图像消息
  var file = new AV.File.withURL('萌妹子', 'http://pic2.zhimg.com/6c10e6053c739ed0ce676a0aff15cf1c.gif');
  file.save().then(function() {
    var message = new ImageMessage(file);
    message.setText('萌妹子一枚');
    return conversation.send(message);
  }).then(function() {
    console.log('发送成功');
  }).catch(console.error.bind(console));
  await logged('收到图像消息,url: http://pic2.zhimg.com/6c10e6053c739ed0ce676a0aff15cf1c.gif');
})();
// 按消息类型获取
conversation.queryMessages({ type: ImageMessage.TYPE }).then(messages => {
  console.log(messages);
  window.images = messages.map((message) => [message instanceof ImageMessage, message.text, message.attributes.location, message.from]);
}).catch(console.error);
await until(() => window.images);

// 获取对话的全部消息记录
for (let i = 0; i < 25; i++) await conversation.send(new TextMessage('第 ' + i));
conversation.queryMessages({
  limit: 10, // limit 取值范围 1~1000,默认 20
}).then(function(messages) {
  // 最新的十条消息,按时间增序排列
  window.newest = messages.map(({ text }) => text);
}).catch(console.error.bind(console));
await until(() => window.newest);

// 创建一个迭代器,每次获取 10 条历史消息
var messageIterator = conversation.createMessagesIterator({ limit: 10 });
const results = (window.results = []);
// 第一次调用 next 方法,获得前 10 条消息,还有更多消息,done 为 false
messageIterator.next().then(function(result) {
  // result: {
  //   value: [message1, ..., message10],
  //   done: false,
  // }
  results.push([result.value.map(({ text }) => text), result.done]);
}).catch(console.error.bind(console));
// 第二次调用 next 方法,获得第 11 ~ 20 条消息,还有更多消息,done 为 false
messageIterator.next().then(function(result) {
  // result: {
  //   value: [message11, ..., message20],
  //   done: false,
  // }
  results.push([result.value.map(({ text }) => text), result.done]);
}).catch(console.error.bind(console));
await until(() => results.length === 2);

// 客户端事件与网络状态响应
realtime.on(Event.DISCONNECT, function() {
  console.log('服务器连接已断开');
});
realtime.on(Event.OFFLINE, function() {
  console.log('离线(网络连接已断开)');
});
realtime.on(Event.ONLINE, function() {
  console.log('已恢复在线');
});
realtime.on(Event.SCHEDULE, function(attempt, delay) {
  console.log(delay + 'ms 后进行第' + (attempt + 1) + '次重连');
});
realtime.on(Event.RETRY, function(attempt) {
  console.log('正在进行第' + (attempt + 1) + '次重连');
});
realtime.on(Event.RECONNECT, function() {
  console.log('与服务端连接恢复');
});
window.ready = true;
await until(() => window.restored);

// 退出登录与断开连接
tom.close().then(function() {
  console.log('Tom 退出登录');
}).catch(console.error.bind(console));
await logged('Tom 退出登录');
window.done = true;
