// Shows the element #game while the customer waits in LiveChat's queue. Put it below LiveChat's own code on your page.
// https://platform.text.com/docs/extending-chat-widget/javascript-api#on-customer-status-changed
(function () {
  function play(status) {
    document.getElementById("game").hidden = status !== "queued";
  }
  LiveChatWidget.on("ready", function (data) {
    play(data.customerData.status); // who waits already and comes from another page of yours
  });
  LiveChatWidget.on("customer_status_changed", function (data) {
    play(data.status);
  });
})();
