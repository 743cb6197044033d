npx tsc
node main.js
